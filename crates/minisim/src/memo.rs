//! Results of a scene's expensive parts, kept from one build to the next.
//!
//! A part is a pure function of its inputs, so its last result serves as long as they are the same: who changes the sensor
//! keeps the cells, their traces and their footprints. A scene built with a memo is the same as one built without.

use std::{
    any::Any,
    collections::HashMap,
    fmt::{self, Debug, Write},
    hash::{DefaultHasher, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

/// The last result of each part.
#[derive(Debug, Default)]
pub struct Memo {
    parts: Mutex<HashMap<(&'static str, usize), Part>>,
}

#[derive(Debug)]
struct Part {
    inputs: u64,
    result: Arc<dyn Any + Send + Sync>,
}

impl Memo {
    /// The part `name`, number `index`: the kept result if it was made from the same inputs, else a new one. Inputs are
    /// compared by what they print, so they must print all that counts. `make` gets the stale result if nobody uses it any
    /// more, for its memory.
    pub(crate) fn part<T: Send + Sync + 'static>(
        &self,
        (name, index): (&'static str, usize),
        inputs: &dyn Debug,
        make: impl FnOnce(Option<T>) -> T,
    ) -> Arc<T> {
        let inputs = fingerprint(inputs);
        let parts = || self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = parts().get(&(name, index)).filter(|p| p.inputs == inputs).map(|p| Arc::clone(&p.result));
        if let Some(Ok(kept)) = kept.map(Arc::downcast) {
            return kept;
        }
        let stale = parts().remove(&(name, index)).and_then(|p| Arc::downcast(p.result).ok());
        let made = Arc::new(make(stale.and_then(Arc::into_inner)));
        let result: Arc<dyn Any + Send + Sync> = Arc::<T>::clone(&made);
        parts().insert((name, index), Part { inputs, result });
        made
    }
}

/// A number that stands for what `value` prints.
fn fingerprint(value: &dyn Debug) -> u64 {
    struct Sink(DefaultHasher);

    impl Write for Sink {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.write(text.as_bytes());
            Ok(())
        }
    }

    let mut sink = Sink(DefaultHasher::new());
    // Hashing cannot fail; a value that refused to print would only count as another one.
    let _ = write!(sink, "{value:?}");
    sink.0.finish()
}
