//! Broken-down local time.

use std::mem::MaybeUninit;

/// A moment on the local calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    /// The year, such as 2026.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60.
    pub second: u8,
    /// 0 (Sunday) to 6.
    pub weekday: u8,
    /// Minutes east of Greenwich.
    pub offset: i32,
}

/// `seconds` since 1970 in the time zone of this process (`TZ`, `/etc/localtime`).
pub fn local(seconds: i64) -> Calendar {
    convert(seconds, libc::localtime_r)
}

/// `seconds` since 1970 in Greenwich.
pub fn utc(seconds: i64) -> Calendar {
    convert(seconds, libc::gmtime_r)
}

/// `seconds` since 1970 as `format` says (`strftime`), in Greenwich or here; `None` if that is
/// nothing, or longer than 2048 bytes.
pub fn format(seconds: i64, gmt: bool, format: &std::ffi::CStr) -> Option<Vec<u8>> {
    let mut tm = MaybeUninit::<libc::tm>::zeroed();
    let mut text = vec![0_u8; 2048];
    let with = if gmt {
        libc::gmtime_r
    } else {
        libc::localtime_r
    };
    // SAFETY: both pointers are valid for the calls, `format` ends with a zero byte, and no more
    // than `text.len()` bytes are written. Zeros are a valid `tm`.
    let len = unsafe {
        with(&seconds, tm.as_mut_ptr());
        libc::strftime(
            text.as_mut_ptr().cast(),
            text.len(),
            format.as_ptr(),
            tm.as_ptr(),
        )
    };
    text.truncate(len);
    (len > 0).then_some(text)
}

type Convert = unsafe extern "C" fn(*const libc::time_t, *mut libc::tm) -> *mut libc::tm;

fn convert(seconds: i64, with: Convert) -> Calendar {
    let mut tm = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are valid for the call. Zeros are a valid `tm`, which is what stays if
    // the year does not fit into an `int`.
    let tm = unsafe {
        with(&seconds, tm.as_mut_ptr());
        tm.assume_init()
    };
    let small = |value: i32| u8::try_from(value).unwrap_or(0);
    Calendar {
        year: i64::from(tm.tm_year) + 1900,
        month: small(tm.tm_mon + 1),
        day: small(tm.tm_mday),
        hour: small(tm.tm_hour),
        minute: small(tm.tm_min),
        second: small(tm.tm_sec),
        weekday: small(tm.tm_wday),
        offset: i32::try_from(tm.tm_gmtoff / 60).unwrap_or(0),
    }
}
