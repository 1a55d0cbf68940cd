//! Python's pickles, as far as numbers, texts, lists, dictionaries and numpy's arrays go. They are taken apart, never executed:
//! an object of any other kind is kept as something unknown.
//!
//! Source: the protocol as CPython's module `pickletools` documents it (protocols 0 to 5, the binary operations), and what
//! numpy's arrays, scalars and types reduce to.

use std::collections::BTreeMap;

use crate::npy::by_rows;

/// Operations carried out at most, and bytes of one value: more is no result of a pipeline.
const MAX_OPERATIONS: usize = 200_000_000;

/// A value of Python's.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    None,
    Bool(bool),
    Number(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// A list or a tuple.
    List(Vec<Value>),
    /// A dictionary with texts as keys; others are left out.
    Dict(BTreeMap<String, Value>),
    /// Numbers of any type with their shape, row-major.
    Array(Vec<usize>, Vec<f64>),
    /// An array of objects.
    Objects(Vec<Value>),
    /// A numpy type: its letters, and whether it is little-endian.
    Type(String, bool),
    /// A class or a function, by module and name.
    Global(String),
    /// An object of a kind that is not known here.
    Unknown,
}

/// Why a pickle cannot be read.
pub(super) type Why = String;

enum Slot {
    Mark,
    Value(Value),
}

/// Reads a pickle from the beginning of `bytes`.
pub(super) fn read(bytes: &[u8]) -> Result<Value, Why> {
    let mut machine = Machine { bytes, at: 0, stack: Vec::new(), memo: Vec::new() };
    for _ in 0..MAX_OPERATIONS {
        if let Some(value) = machine.step()? {
            return Ok(value);
        }
    }
    Err("it is too long".to_owned())
}

struct Machine<'b> {
    bytes: &'b [u8],
    at: usize,
    stack: Vec<Slot>,
    memo: Vec<Option<Value>>,
}

impl Machine<'_> {
    fn take(&mut self, n: usize) -> Result<&[u8], Why> {
        let end = self.at.checked_add(n).filter(|end| *end <= self.bytes.len()).ok_or("it ends early")?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// A whole number of `n` bytes.
    fn whole(&mut self, n: usize) -> Result<usize, Why> {
        let bytes = self.take(n)?;
        let value = bytes.iter().rev().fold(0_u64, |v, b| v << 8 | u64::from(*b));
        usize::try_from(value).map_err(|_| "a length is too large".to_owned())
    }

    fn line(&mut self) -> Result<String, Why> {
        let rest = &self.bytes[self.at..];
        let n = rest.iter().position(|b| *b == b'\n').ok_or("it ends early")?;
        let text = String::from_utf8_lossy(&rest[..n]).into_owned();
        self.at += n + 1;
        Ok(text)
    }

    fn text(&mut self, n: usize) -> Result<Value, Why> {
        Ok(Value::Text(String::from_utf8_lossy(self.take(n)?).into_owned()))
    }

    fn push(&mut self, value: Value) {
        self.stack.push(Slot::Value(value));
    }

    fn pop(&mut self) -> Result<Value, Why> {
        match self.stack.pop() {
            Some(Slot::Value(value)) => Ok(value),
            _ => Err("its stack runs out".to_owned()),
        }
    }

    /// What lies above the last mark, which goes, too.
    fn above_mark(&mut self) -> Result<Vec<Value>, Why> {
        let mut values = Vec::new();
        loop {
            match self.stack.pop() {
                Some(Slot::Value(value)) => values.push(value),
                Some(Slot::Mark) => break,
                None => return Err("its stack has no mark".to_owned()),
            }
        }
        values.reverse();
        Ok(values)
    }

    fn remember(&mut self, at: usize) -> Result<(), Why> {
        let Some(Slot::Value(value)) = self.stack.last() else { return Err("its stack runs out".to_owned()) };
        // A number that was not counted up to is no memo of a pickler's.
        if at > self.memo.len() + (1 << 20) {
            return Err("its memo is odd".to_owned());
        }
        // What grows after it was remembered (lists, dictionaries, arrays) would come back as it was then, so it does not come back
        // at all. Short tuples do, such as shapes.
        let kept = match value {
            Value::Bytes(b) if b.len() > 1 << 12 => None,
            Value::List(items) if items.is_empty() || items.len() > 16 => None,
            Value::Array(..) | Value::Objects(_) | Value::Dict(_) => None,
            other => Some(other.clone()),
        };
        if self.memo.len() <= at {
            self.memo.resize(at + 1, None);
        }
        self.memo[at] = kept;
        Ok(())
    }

    fn recall(&mut self, at: usize) {
        let value = self.memo.get(at).cloned().flatten().unwrap_or(Value::Unknown);
        self.push(value);
    }

    fn put_pairs(&mut self, pairs: Vec<Value>) -> Result<(), Why> {
        let Some(Slot::Value(target)) = self.stack.last_mut() else { return Err("its stack runs out".to_owned()) };
        if let Value::Dict(map) = target {
            let mut pairs = pairs.into_iter();
            while let (Some(key), Some(value)) = (pairs.next(), pairs.next()) {
                if let Value::Text(key) = key {
                    map.insert(key, value);
                }
            }
        }
        Ok(())
    }

    fn append(&mut self, more: Vec<Value>) -> Result<(), Why> {
        match self.stack.last_mut() {
            Some(Slot::Value(Value::List(list))) => list.extend(more),
            Some(Slot::Value(_)) => {}
            _ => return Err("its stack runs out".to_owned()),
        }
        Ok(())
    }

    /// One operation; the value once it is whole.
    fn step(&mut self) -> Result<Option<Value>, Why> {
        let op = self.take(1)?[0];
        match op {
            b'.' => return self.pop().map(Some),
            // Protocol, frame.
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'(' => self.stack.push(Slot::Mark),
            b'0' => drop(self.stack.pop()),
            b'1' => drop(self.above_mark()?),
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'K' => {
                let v = self.whole(1)?;
                self.push(Value::Number(v as f64));
            }
            b'M' => {
                let v = self.whole(2)?;
                self.push(Value::Number(v as f64));
            }
            b'J' => {
                let v = i32::from_le_bytes(self.take(4)?.try_into().unwrap_or_default());
                self.push(Value::Number(f64::from(v)));
            }
            0x8a => {
                let n = self.whole(1)?;
                let bytes = self.take(n)?;
                let negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
                let value = bytes.iter().rev().fold(0.0, |v: f64, b| v * 256.0 + f64::from(*b));
                self.push(Value::Number(if negative { value - 256_f64.powi(n as i32) } else { value }));
            }
            b'G' => {
                let v = f64::from_be_bytes(self.take(8)?.try_into().unwrap_or_default());
                self.push(Value::Number(v));
            }
            b'I' | b'L' | b'F' => {
                let line = self.line()?;
                self.push(match line.trim_end_matches('L') {
                    "01" if op == b'I' => Value::Bool(true),
                    "00" if op == b'I' => Value::Bool(false),
                    number => number.parse().map_or(Value::Unknown, Value::Number),
                });
            }
            b'U' | 0x8c => {
                let n = self.whole(1)?;
                let text = self.text(n)?;
                self.push(text);
            }
            b'T' | b'X' => {
                let n = self.whole(4)?;
                let text = self.text(n)?;
                self.push(text);
            }
            0x8d => {
                let n = self.whole(8)?;
                let text = self.text(n)?;
                self.push(text);
            }
            b'V' => {
                let text = self.line()?;
                self.push(Value::Text(text));
            }
            b'S' => {
                let line = self.line()?;
                self.push(Value::Text(line.trim_matches(['\'', '"']).to_owned()));
            }
            b'C' | b'B' | 0x8e | 0x96 => {
                let n = self.whole(match op {
                    b'C' => 1,
                    b'B' => 4,
                    _ => 8,
                })?;
                let bytes = self.take(n)?.to_vec();
                self.push(Value::Bytes(bytes));
            }
            b']' | b')' | 0x8f => self.push(Value::List(Vec::new())),
            b'}' => self.push(Value::Dict(BTreeMap::new())),
            b't' | b'l' | 0x91 => {
                let values = self.above_mark()?;
                self.push(Value::List(values));
            }
            b'd' => {
                let pairs = self.above_mark()?;
                self.push(Value::Dict(BTreeMap::new()));
                self.put_pairs(pairs)?;
            }
            0x85..=0x87 => {
                let mut values: Vec<Value> = (0..op - 0x84).map(|_| self.pop()).collect::<Result<_, _>>()?;
                values.reverse();
                self.push(Value::List(values));
            }
            b'a' => {
                let value = self.pop()?;
                self.append(vec![value])?;
            }
            b'e' | 0x90 => {
                let values = self.above_mark()?;
                self.append(values)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.put_pairs(vec![key, value])?;
            }
            b'u' => {
                let pairs = self.above_mark()?;
                self.put_pairs(pairs)?;
            }
            b'c' => {
                let name = format!("{}.{}", self.line()?, self.line()?);
                self.push(Value::Global(name));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                self.push(match (module, name) {
                    (Value::Text(module), Value::Text(name)) => Value::Global(format!("{module}.{name}")),
                    _ => Value::Unknown,
                });
            }
            b'q' => {
                let at = self.whole(1)?;
                self.remember(at)?;
            }
            b'r' => {
                let at = self.whole(4)?;
                self.remember(at)?;
            }
            b'p' => {
                let at = self.line()?.parse().map_err(|_| "its memo is odd")?;
                self.remember(at)?;
            }
            0x94 => self.remember(self.memo.len())?,
            b'h' => {
                let at = self.whole(1)?;
                self.recall(at);
            }
            b'j' => {
                let at = self.whole(4)?;
                self.recall(at);
            }
            b'g' => {
                let at = self.line()?.parse().map_err(|_| "its memo is odd")?;
                self.recall(at);
            }
            b'2' => {
                let value = self.pop()?;
                self.push(value.clone());
                self.push(value);
            }
            b'R' | 0x81 => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.push(called(&function, arguments));
            }
            0x92 => {
                let (_, arguments, function) = (self.pop()?, self.pop()?, self.pop()?);
                self.push(called(&function, arguments));
            }
            b'o' | b'i' => {
                if op == b'i' {
                    self.line()?;
                    self.line()?;
                }
                drop(self.above_mark()?);
                self.push(Value::Unknown);
            }
            b'b' => {
                let (state, object) = (self.pop()?, self.pop()?);
                let built = built(object, state)?;
                self.push(built);
                // What was remembered of it was not whole: numpy's types are used again.
                if let Some(Slot::Value(Value::Type(..))) = self.stack.last()
                    && let Some(last) = self.memo.iter().rposition(|m| matches!(m, Some(Value::Type(..))))
                {
                    self.remember(last)?;
                }
            }
            b'Q' => {
                self.pop()?;
                self.push(Value::Unknown);
            }
            // Buffers out of band are skipped over, as nothing of ours has them.
            0x97 => self.push(Value::Unknown),
            0x98 => {}
            other => return Err(format!("it has the operation {other:#04x}, which is not known")),
        }
        Ok(None)
    }
}

/// What calling a function gives, where that is known without calling it.
fn called(function: &Value, arguments: Value) -> Value {
    let (Value::Global(name), Value::List(arguments)) = (function, arguments) else { return Value::Unknown };
    let short = name.rsplit('.').next().unwrap_or_default();
    let numpy = name.starts_with("numpy.");
    match (numpy, short, &arguments[..]) {
        (true, "dtype", [Value::Text(letters), ..]) => Value::Type(letters.clone(), true),
        (true, "_reconstruct", _) => Value::Array(Vec::new(), Vec::new()),
        (true, "scalar", [Value::Type(letters, little), Value::Bytes(bytes), ..]) => numbers(letters, *little, bytes)
            .and_then(|n| n.first().copied())
            .map_or(Value::Unknown, |v| if letters == "b1" { Value::Bool(v != 0.0) } else { Value::Number(v) }),
        (true, "_frombuffer", [Value::Bytes(bytes), Value::Type(letters, little), Value::List(shape), ..]) => {
            match (numbers(letters, *little, bytes), sides(shape)) {
                (Some(values), Some(shape)) if shape.iter().product::<usize>() == values.len() => {
                    Value::Array(shape, values)
                }
                _ => Value::Unknown,
            }
        }
        (false, "encode", [Value::Text(text), Value::Text(_)]) if name == "_codecs.encode" => {
            // Protocol 2 writes bytes as Latin-1 text.
            Value::Bytes(text.chars().map(|c| c as u32 as u8).collect())
        }
        (false, "OrderedDict" | "dict", []) => Value::Dict(BTreeMap::new()),
        _ => Value::Unknown,
    }
}

/// An object with its state.
fn built(object: Value, state: Value) -> Result<Value, Why> {
    match (object, state) {
        (Value::Type(letters, _), Value::List(state)) => {
            // (version, byte order, …)
            let little = !matches!(state.get(1), Some(Value::Text(order)) if order == ">");
            Ok(Value::Type(letters, little))
        }
        (Value::Array(..), Value::List(state)) => {
            let [_, Value::List(shape), Value::Type(letters, little), fortran, data] = &state[..] else {
                return Err("an array in it has an odd state".to_owned());
            };
            let shape = sides(shape).ok_or("an array in it has an odd shape")?;
            let n = shape.iter().try_fold(1_usize, |n, s| n.checked_mul(*s)).ok_or("an array in it is too large")?;
            match data {
                Value::List(objects) => Ok(Value::Objects(objects.clone())),
                Value::Bytes(bytes) => {
                    let Some(values) = numbers(letters, *little, bytes) else { return Ok(Value::Unknown) };
                    if values.len() != n {
                        return Err("an array in it has another length than its shape says".to_owned());
                    }
                    let fortran = matches!(fortran, Value::Bool(true));
                    Ok(Value::Array(shape.clone(), if fortran { by_rows(&values, &shape) } else { values }))
                }
                _ => Ok(Value::Unknown),
            }
        }
        (object, _) => Ok(object),
    }
}

fn sides(shape: &[Value]) -> Option<Vec<usize>> {
    shape.iter().map(|s| if let Value::Number(n) = s { Some(*n as usize) } else { None }).collect()
}

/// The numbers in some bytes; `None` for types that are no numbers.
fn numbers(letters: &str, little: bool, bytes: &[u8]) -> Option<Vec<f64>> {
    macro_rules! each {
        ($number:ty) => {{
            let chunks = bytes.chunks_exact(size_of::<$number>());
            let of = |b: &[u8]| {
                let b = b.try_into().ok()?;
                Some((if little { <$number>::from_le_bytes(b) } else { <$number>::from_be_bytes(b) }) as f64)
            };
            chunks.map(of).collect()
        }};
    }
    match letters.trim_start_matches(['<', '>', '|', '=']) {
        "f8" => each!(f64),
        "f4" => each!(f32),
        "i8" => each!(i64),
        "i4" => each!(i32),
        "i2" => each!(i16),
        "i1" => each!(i8),
        "u8" => each!(u64),
        "u4" => each!(u32),
        "u2" => each!(u16),
        "u1" => each!(u8),
        "b1" => Some(bytes.iter().map(|b| f64::from(u8::from(*b != 0))).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_come_out() {
        // pickle.dumps({"a": [1, -2.5, None, True], "b": "é"}, 2) of CPython 3.11.
        let bytes = b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01G\xc0\x04\x00\x00\x00\x00\x00\x00N\x88eX\x01\x00\x00\x00bq\x03X\x02\x00\x00\x00\xc3\xa9q\x04u.";
        let Ok(Value::Dict(map)) = read(bytes) else { panic!("no dictionary") };
        let list = vec![Value::Number(1.0), Value::Number(-2.5), Value::None, Value::Bool(true)];
        assert_eq!(map["a"], Value::List(list));
        assert_eq!(map["b"], Value::Text("é".into()));
        for n in 0..bytes.len() {
            assert!(read(&bytes[..n]).is_err(), "{n}");
        }
    }

    #[test]
    fn nothing_is_executed() {
        // cos\nsystem\n(S'echo hello'\ntR.
        assert_eq!(read(b"cos\nsystem\n(S'echo hello'\ntR."), Ok(Value::Unknown));
        assert!(read(b"\xff").is_err_and(|why| why.contains("0xff")));
    }
}
