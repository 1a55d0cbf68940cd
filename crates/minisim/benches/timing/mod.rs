//! How long a piece of work takes.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// Time given to each measurement, after a fifth of it to warm up.
const SPAN: Duration = Duration::from_secs(2);

/// Does a piece of work again and again and prints the median time, and how many `units` a second that makes.
pub(crate) fn measure<T>(name: &str, (units, unit): (usize, &str), mut work: impl FnMut() -> T) {
    let start = Instant::now();
    while start.elapsed() < SPAN / 5 {
        black_box(work());
    }
    let mut times = Vec::new();
    let start = Instant::now();
    while times.len() < 5 || start.elapsed() < SPAN {
        let start = Instant::now();
        black_box(work());
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    println!("{name:<60} {:>10.3} ms {:>14.0} {unit}/s", 1e3 * median, units as f64 / median);
}
