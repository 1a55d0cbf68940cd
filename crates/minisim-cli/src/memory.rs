//! The allocator of the command, and of the Python module, which brings it.
//!
//! A scene is built from many large arrays that live for moments. With the system's allocator each of them is new pages, which fault
//! on their first use, and whose return interrupts every core: a third of the time. This one uses large pages and keeps what is freed
//! for a while.
#![expect(unsafe_code, reason = "an option of a C library")]

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long freed memory is kept (ms); the library multiplies it by ten for large pieces. A studio that waits for its user
/// gives the memory back.
const KEPT_MS: std::ffi::c_long = 1000;

/// Sets the allocator up. To be called before anything large is made.
pub fn set_up_memory() {
    /// `mi_option_purge_delay` in mimalloc.h; the crate has no name for it.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: stores a number, at any time.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, KEPT_MS) }
}
