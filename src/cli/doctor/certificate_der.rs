//! The end of a certificate's life, read off its DER form (RFC 5280, section 4.1).

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// `notAfter` in seconds since 1970; nothing if this is no certificate.
pub(super) fn end_s(certificate: &[u8]) -> Option<i64> {
    let (body, _) = element(certificate, SEQUENCE)?;
    let (mut fields, _) = element(body, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        fields = element(fields, VERSION)?.1;
    }
    // serial number, signature algorithm, issuer
    for _ in 0..3 {
        fields = element(fields, *fields.first()?)?.1;
    }
    let (validity, _) = element(fields, SEQUENCE)?;
    let (_, not_after) = element(validity, *validity.first()?)?;
    let tag = *not_after.first()?;
    let (text, _) = element(not_after, tag)?;
    let text = std::str::from_utf8(text).ok()?;
    match tag {
        UTC_TIME => {
            let year: i64 = text.get(..2)?.parse().ok()?;
            // RFC 5280, section 4.1.2.5.1: 50 to 99 are of the last century
            seconds(
                if year < 50 { 2000 + year } else { 1900 + year },
                text.get(2..)?,
            )
        }
        GENERALIZED_TIME => seconds(text.get(..4)?.parse().ok()?, text.get(4..)?),
        _ => None,
    }
}

/// The content of the first element, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    if found != tag {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // no certificate is longer than three bytes can say
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits
                .iter()
                .fold(0, |sum, digit| sum << 8 | usize::from(*digit));
            (length, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// Seconds since 1970 of `MMDDhhmmssZ` in a year.
fn seconds(year: i64, rest: &str) -> Option<i64> {
    let digits = rest.strip_suffix('Z').filter(|it| it.len() == 10)?;
    let part = |at: usize| digits.get(at..at + 2)?.parse::<i64>().ok();
    let (month, day) = (part(0)?, part(2)?);
    let (hour, minute, second) = (part(4)?, part(6)?, part(8)?);
    // days of the proleptic Gregorian calendar, with years that begin in March
    let from_march = if month > 2 { year } else { year - 1 };
    let era = from_march.div_euclid(400);
    let year_of_era = from_march.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(seconds(1970, "0101000000Z"), Some(0));
        assert_eq!(seconds(2000, "0229120000Z"), Some(951_825_600));
        assert_eq!(seconds(2038, "0119031407Z"), Some(2_147_483_647));
        assert_eq!(seconds(2000, "02291200Z"), None);
    }

    #[test]
    fn the_end_is_found_behind_version_serial_algorithm_and_issuer() {
        let validity = [
            &[0x30, 30, UTC_TIME, 13][..],
            b"240101000000Z",
            &[UTC_TIME, 13],
            b"491231235959Z",
        ]
        .concat();
        let fields = [
            &[0xa0, 3, 2, 1, 2, 2, 1, 7, 0x30, 0, 0x30, 0][..],
            &validity,
        ]
        .concat();
        let length = u8::try_from(fields.len()).unwrap();
        let certificate = [&[0x30, length + 2, 0x30, length][..], &fields].concat();
        assert_eq!(end_s(&certificate), Some(2_524_607_999));
        for cut in 0..certificate.len() {
            assert_eq!(end_s(&certificate[..cut]), None);
        }
    }
}
