//! The benchmark's sets are frozen: each recording has the cache key that `docs/benchmark/sets.md` prints.
#![allow(clippy::disallowed_methods, reason = "only the library itself is pure")]

use std::{collections::BTreeMap, fs, path::Path};

use minisim::benchmark::{SETS, Size};

/// Keys in the page: (set, recording) → one key a size, in the order of [`Size::ALL`].
fn printed() -> BTreeMap<(String, String), Vec<String>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/benchmark/sets.md");
    let text = fs::read_to_string(page).expect("the page is there");
    let mut found = BTreeMap::new();
    let mut set = String::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            set = title.trim_matches('`').to_owned();
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let ["", name, _, small, full, ""] = cells[..]
            && small.starts_with('`')
        {
            let keys = [small, full].map(|k| k.trim_matches('`').to_owned()).to_vec();
            found.insert((set.clone(), name.trim_matches('`').to_owned()), keys);
        }
    }
    found
}

#[test]
fn keys_are_those_that_the_docs_print() {
    let printed = printed();
    let mut seen = 0;
    for set in SETS {
        for (i, size) in Size::ALL.into_iter().enumerate() {
            for recording in set.recordings(size).expect("valid") {
                let key = (set.name.to_owned(), recording.name.to_owned());
                let frozen = printed.get(&key).unwrap_or_else(|| panic!("{key:?} is not in docs/benchmark/sets.md"));
                assert_eq!(
                    recording.spec.cache_key(),
                    frozen[i],
                    "{key:?}, {}: a set never changes; make a new one",
                    size.name()
                );
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 2 * printed.len(), "docs/benchmark/sets.md lists recordings that are in no set");
}
