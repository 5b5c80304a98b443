//! From where a share group reads that has never read (`share.auto.offset.reset`, KIP-932): the
//! ends of the log, or the first record of the last while, told as a duration of ISO 8601.

use std::str::FromStr;
use std::time::Duration;

const BY_DURATION: &str = "by_duration:";

/// From where a group reads that has never read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShareReset {
    /// From the first record that there is.
    Earliest,
    /// From the next record that comes.
    Latest,
    /// From the first record that is not older, or from the next one if all are.
    Within(Duration),
}

/// It is none of those.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("earliest, latest or by_duration: with a duration such as PT1H or P3DT12H")]
pub struct NoReset;

impl FromStr for ShareReset {
    type Err = NoReset;

    fn from_str(text: &str) -> Result<ShareReset, NoReset> {
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        if is("earliest") {
            return Ok(ShareReset::Earliest);
        }
        if is("latest") {
            return Ok(ShareReset::Latest);
        }
        let (word, age) = text.split_at_checked(BY_DURATION.len()).ok_or(NoReset)?;
        if !word.eq_ignore_ascii_case(BY_DURATION) {
            return Err(NoReset);
        }
        duration(age).map(ShareReset::Within).ok_or(NoReset)
    }
}

/// A duration of days and of parts of a day, largest first, such as `P1DT2H3M4.5S`.
fn duration(text: &str) -> Option<Duration> {
    let text = text.to_ascii_uppercase();
    let (days, time) = match text.strip_prefix('P')?.split_once('T') {
        Some((days, time)) if !time.is_empty() => (days, time),
        Some(_) => return None,
        None => (text.strip_prefix('P')?, ""),
    };
    let mut total = Duration::ZERO;
    let mut rest = days;
    if let Some(count) = part(&mut rest, 'D') {
        total = total.checked_add(whole(count, 86_400)?)?;
    }
    if !rest.is_empty() {
        return None;
    }
    rest = time;
    for (unit, seconds) in [('H', 3600), ('M', 60)] {
        if let Some(count) = part(&mut rest, unit) {
            total = total.checked_add(whole(count, seconds)?)?;
        }
    }
    if let Some(count) = part(&mut rest, 'S') {
        let (count, fraction) = count.split_once('.').unwrap_or((count, "0"));
        total = total.checked_add(whole(count, 1)?)?.checked_add(nanoseconds(fraction)?)?;
    }
    (rest.is_empty() && !(days.is_empty() && time.is_empty())).then_some(total)
}

/// Takes the digits before a unit off the front.
fn part<'a>(rest: &mut &'a str, unit: char) -> Option<&'a str> {
    let (count, behind) = rest.split_once(unit)?;
    *rest = behind;
    Some(count)
}

fn whole(count: &str, seconds: u64) -> Option<Duration> {
    let is_number = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    let count: u64 = count.parse().ok().filter(|_| is_number)?;
    count.checked_mul(seconds).map(Duration::from_secs)
}

fn nanoseconds(fraction: &str) -> Option<Duration> {
    let is_number = fraction.bytes().all(|byte| byte.is_ascii_digit());
    let digits = format!("{fraction:0<9}");
    let nanoseconds = digits.parse().ok().filter(|_| is_number && digits.len() == 9)?;
    Some(Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_is_an_end_or_a_duration() {
        let within = |millis| Ok(ShareReset::Within(Duration::from_millis(millis)));
        for (text, reset) in [
            ("earliest", Ok(ShareReset::Earliest)),
            ("LATEST", Ok(ShareReset::Latest)),
            ("by_duration:PT1H", within(3_600_000)),
            ("by_duration:P1DT2H3M4.5S", within(93_784_500)),
            ("by_duration:P3D", within(3 * 86_400_000)),
            ("by_duration:pt0.001s", within(1)),
        ] {
            assert_eq!(text.parse(), reset, "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        let texts = ["", "none", "by_duration", "by_duration:", "by_duration:P", "by_duration:PT"];
        let durations =
            ["-PT1H", "PT-1H", "P1DT", "PT1M1H", "P1Y", "PT1.5H", "PT99999999999999999H"];
        let durations = durations.map(|text| format!("by_duration:{text}"));
        for text in texts.into_iter().chain(durations.iter().map(String::as_str)) {
            assert_eq!(text.parse::<ShareReset>(), Err(NoReset), "{text}");
        }
    }
}
