//! Files of a job that are not begun, in their order, and found by their content as well: others tell who has one
//! content after the other, of a hundred thousand. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::Wanted;
use crate::content::Claim;

/// Where a file stands in its queue; the smaller, the sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QueuePlace(i64);

/// Such files.
#[derive(Debug, Default)]
pub(super) struct FileQueue {
    files: BTreeMap<QueuePlace, Wanted>,
    places: BTreeSet<(Claim, QueuePlace)>,
}

impl FileQueue {
    /// True if there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// All of them, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (QueuePlace, &Wanted)> {
        self.files.iter().map(|(place, wanted)| (*place, wanted))
    }

    /// All of them. Their contents stay what they are.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Wanted> {
        self.files.values_mut()
    }

    /// Those with a content. It stays what it is.
    pub(super) fn each_of(&mut self, content: Claim, mut act: impl FnMut(&mut Wanted)) {
        for place in self.places_of(content) {
            if let Some(wanted) = self.files.get_mut(&place) {
                act(wanted);
            }
        }
    }

    /// Behind all others.
    pub(super) fn push_back(&mut self, wanted: Wanted) {
        let place = self.files.last_key_value().map_or(0, |(place, _)| place.0 + 1);
        self.insert(QueuePlace(place), wanted);
    }

    /// Before all others.
    pub(super) fn push_front(&mut self, wanted: Wanted) {
        let place = self.files.first_key_value().map_or(0, |(place, _)| place.0 - 1);
        self.insert(QueuePlace(place), wanted);
    }

    /// Takes the first one away.
    pub(super) fn pop_front(&mut self) -> Option<Wanted> {
        let place = *self.files.first_key_value()?.0;
        self.remove(place)
    }

    /// Takes one away.
    pub(super) fn remove(&mut self, place: QueuePlace) -> Option<Wanted> {
        let wanted = self.files.remove(&place)?;
        self.places.remove(&(wanted.claim(), place));
        Some(wanted)
    }

    /// Takes those away that are as `is_meant` says.
    pub(super) fn take(&mut self, is_meant: impl Fn(&Wanted) -> bool) -> Vec<Wanted> {
        let places: Vec<_> =
            self.iter().filter(|(_, wanted)| is_meant(wanted)).map(|(place, _)| place).collect();
        places.into_iter().filter_map(|place| self.remove(place)).collect()
    }

    /// Takes those away that have a content, and are as `is_meant` says.
    pub(super) fn take_of(&mut self, content: Claim, is_meant: impl Fn(&Wanted) -> bool) -> Vec<Wanted> {
        let mut places = self.places_of(content);
        places.retain(|place| self.files.get(place).is_some_and(&is_meant));
        places.into_iter().filter_map(|place| self.remove(place)).collect()
    }

    /// Takes all away.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn insert(&mut self, place: QueuePlace, wanted: Wanted) {
        self.places.insert((wanted.claim(), place));
        self.files.insert(place, wanted);
    }

    fn places_of(&self, content: Claim) -> Vec<QueuePlace> {
        let from = (content, QueuePlace(i64::MIN));
        let of = self.places.range(from..=(content, QueuePlace(i64::MAX)));
        of.map(|(_, place)| *place).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::content::FileId;
    use crate::identity::PeerId;

    fn wanted(content: u8, to: usize) -> Wanted {
        Wanted {
            id: FileId([content; 32]),
            size: 7,
            modified: 0,
            executable: false,
            asked: Arc::from("it"),
            to: format!("{to}").parse().unwrap(),
            holders: Vec::new(),
            keep: None,
            some: Vec::new(),
            here: None,
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Back(u8),
        Front(u8),
        Pop,
        Remove(prop::sample::Index),
        Hold(u8),
        Take(u8),
        TakeOf(u8),
        Clear,
    }

    fn step() -> impl Strategy<Value = Step> {
        let content = || 0_u8..4;
        prop_oneof![
            6 => content().prop_map(Step::Back),
            2 => content().prop_map(Step::Front),
            2 => Just(Step::Pop),
            2 => any::<prop::sample::Index>().prop_map(Step::Remove),
            2 => content().prop_map(Step::Hold),
            1 => content().prop_map(Step::Take),
            2 => content().prop_map(Step::TakeOf),
            1 => Just(Step::Clear),
        ]
    }

    /// Takes those away of a list that are meant, as a list alone can.
    fn taken(list: &mut VecDeque<Wanted>, is_meant: impl Fn(&Wanted) -> bool) -> Vec<Wanted> {
        let (meant, others): (Vec<_>, Vec<_>) = std::mem::take(list).into_iter().partition(|it| is_meant(it));
        *list = others.into();
        meant
    }

    fn shown<'a>(of: impl IntoIterator<Item = &'a Wanted>) -> Vec<(Claim, String, usize)> {
        of.into_iter().map(|it| (it.claim(), it.to.to_string(), it.holders.len())).collect()
    }

    proptest! {
        /// Whatever is done to it, it is as a list of the files would be.
        #[test]
        fn it_is_a_list_in_which_contents_are_found(steps in prop::collection::vec(step(), 0..60)) {
            let (mut queue, mut list) = (FileQueue::default(), VecDeque::new());
            for (n, step) in steps.into_iter().enumerate() {
                let is = |content: u8| move |wanted: &Wanted| wanted.id == FileId([content; 32]);
                // Of those with one content that have a holder.
                let is_held = |wanted: &Wanted| !wanted.holders.is_empty();
                let (of_queue, of_list): (Vec<Wanted>, Vec<Wanted>) = match step {
                    Step::Back(content) => {
                        queue.push_back(wanted(content, n));
                        list.push_back(wanted(content, n));
                        Default::default()
                    }
                    Step::Front(content) => {
                        queue.push_front(wanted(content, n));
                        list.push_front(wanted(content, n));
                        Default::default()
                    }
                    Step::Pop => {
                        (queue.pop_front().into_iter().collect(), list.pop_front().into_iter().collect())
                    }
                    Step::Remove(_) if list.is_empty() => Default::default(),
                    Step::Remove(at) => {
                        let at = at.index(list.len());
                        let place = queue.iter().nth(at).map(|(place, _)| place).unwrap();
                        (queue.remove(place).into_iter().collect(), list.remove(at).into_iter().collect())
                    }
                    Step::Hold(content) => {
                        queue.each_of((FileId([content; 32]), 7), |wanted| wanted.holders.push(PeerId([1; 32])));
                        let of = list.iter_mut().filter(|wanted| is(content)(wanted));
                        of.for_each(|wanted| wanted.holders.push(PeerId([1; 32])));
                        Default::default()
                    }
                    Step::Take(content) => (queue.take(is(content)), taken(&mut list, is(content))),
                    Step::TakeOf(content) => (
                        queue.take_of((FileId([content; 32]), 7), is_held),
                        taken(&mut list, |wanted| is(content)(wanted) && is_held(wanted)),
                    ),
                    Step::Clear => {
                        queue.clear();
                        list.clear();
                        Default::default()
                    }
                };
                prop_assert_eq!(shown(&of_queue), shown(&of_list));
                prop_assert_eq!(shown(queue.iter().map(|(_, wanted)| wanted)), shown(&list));
                prop_assert_eq!(queue.iter_mut().count(), list.len());
                prop_assert_eq!(queue.places.len(), list.len());
                prop_assert_eq!(queue.is_empty(), list.is_empty());
            }
        }
    }
}
