//! The order in which people look for names. Pure.

use core::cmp::Ordering;
use core::iter::Peekable;
use core::str::Chars;

/// Compares two paths as people do: folder by folder, whatever the letter case, and a number in a name counts as a
/// number, so that `track 2` comes before `track 10`. Different paths are never equal.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let folders = a.split('/').zip(b.split('/')).map(|(a, b)| names(a, b));
    let by_folder = folders.into_iter().find(|order| order.is_ne());
    let by_depth = || a.split('/').count().cmp(&b.split('/').count());
    by_folder.unwrap_or_else(by_depth).then_with(|| a.cmp(b))
}

fn names(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.chars().peekable(), b.chars().peekable());
    loop {
        let order = match (a.peek(), b.peek()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                numbers(&digits(&mut a), &digits(&mut b))
            }
            (Some(x), Some(y)) => {
                let order = x.to_lowercase().cmp(y.to_lowercase());
                a.next();
                b.next();
                order
            }
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// The digits that stand next.
fn digits(text: &mut Peekable<Chars<'_>>) -> String {
    core::iter::from_fn(|| text.next_if(char::is_ascii_digit)).collect()
}

/// Compares numbers of any length.
fn numbers(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_count_as_numbers_and_letter_case_does_not() {
        let sorted =
            ["a", "A/b", "a b", "b02", "b2", "B2.txt", "b10", "track 9", "Track 10", "track 010", "Z", "é"];
        let mut mixed: Vec<&str> = sorted.iter().rev().copied().collect();
        mixed.sort_by(|a, b| compare(a, b));
        assert_eq!(mixed, sorted);
        assert_eq!(
            compare(&format!("x{}", "9".repeat(50)), &format!("x1{}", "0".repeat(50))),
            Ordering::Less
        );
    }

    proptest! {
        #[test]
        fn it_is_an_order(mut names in proptest::collection::vec("[aAbé0-2 /]{0,6}", 0..12)) {
            // `sort_by` panics where it sees that it is none.
            names.sort_by(|a, b| compare(a, b));
            for (n, a) in names.iter().enumerate() {
                for b in &names[n..] {
                    prop_assert_ne!(compare(a, b), Ordering::Greater, "{:?} {:?}", a, b);
                    prop_assert_eq!(compare(a, b).reverse(), compare(b, a));
                    prop_assert_eq!(compare(a, b) == Ordering::Equal, a == b);
                }
            }
        }
    }
}
