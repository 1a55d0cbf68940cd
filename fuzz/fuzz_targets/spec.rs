//! Any text is either a valid spec, which then survives a round trip, or a report of findings; never a panic or a hang.
#![no_main]

use libfuzzer_sys::fuzz_target;
use minisim::spec::{Format, Spec};

fuzz_target!(|data: &[u8]| {
    let Some((format, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let format = match format % 3 {
        0 => Format::Json,
        1 => Format::Toml,
        _ => Format::Yaml,
    };
    if let Ok(checked) = Spec::from_text(text, format) {
        let canonical = checked.spec.canonical_json();
        let again = Spec::from_text(&canonical, Format::Json).expect("canonical text is valid").spec;
        assert_eq!(again.canonical_json(), canonical);
        assert_eq!(again.cache_key(), checked.spec.cache_key());
        let _ = checked.spec.cost();
    }
});
