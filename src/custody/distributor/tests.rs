use super::*;
use crate::wire::custody::{OfferAnswer, ReportRow, Space};

#[test]
fn what_nobody_placed_is_a_copy_once_it_is_whole_and_challenged() {
    let (me, keeper, now) = (PeerId([1; 32]), PeerId([2; 32]), Time(1));
    let (key, size) = ((me, FileId([3; 32])), 1 << 20);
    let mut distributor = Distributor::new(me, PlacementSecret::new([7; 32]));
    distributor.want(now, key, Want { size, path: "a".parse().unwrap(), copies: 2 }, &[], None);
    distributor.here(now, keeper);
    let span = Span::whole(size).unwrap();
    let says = |distributor: &mut Distributor, have| {
        let row = ReportRow { file: key.1, size, copies: 2, copy: 1, span, have, dropped: false };
        distributor.reported(now, keeper, me, &[row]);
        core::iter::from_fn(|| distributor.poll_output())
            .any(|o| matches!(o, DistributorOutput::Challenge { .. }))
    };
    let kept = |distributor: &Distributor| distributor.standing(key).map(|s| s.kept);
    assert!(!says(&mut distributor, span.len() - 1), "a part of it proves nothing");
    distributor.challenge_answered(now, keeper, key, true);
    assert_eq!(kept(&distributor), Some(0));
    assert!(says(&mut distributor, span.len()));
    assert_eq!(kept(&distributor), Some(0));
    distributor.challenge_answered(now, keeper, key, true);
    assert_eq!(kept(&distributor), Some(1));
}

#[test]
fn a_report_that_overtakes_the_answer_to_the_offer_counts() {
    let (me, keeper) = (PeerId([1; 32]), PeerId([2; 32]));
    let (key, size) = ((me, FileId([3; 32])), 1 << 20);
    let mut distributor = Distributor::new(me, PlacementSecret::new([7; 32]));
    distributor.here(Time(1), keeper);
    distributor.want(Time(1), key, Want { size, path: "a".parse().unwrap(), copies: 2 }, &[], None);
    let now = distributor.poll_timeout().expect("it places files a while after it began");
    distributor.handle_timeout(now);
    distributor.space(now, keeper, me, Space { request: 1, free: 1 << 40, share: 1 << 40 });
    let offer = core::iter::from_fn(|| distributor.poll_output()).find_map(|output| match output {
        DistributorOutput::Offer { request, span, .. } => Some((request, span)),
        _ => None,
    });
    let (request, span) = offer.expect("it is offered");
    let row = ReportRow { file: key.1, size, copies: 2, copy: 1, span, have: span.len(), dropped: false };
    distributor.reported(now, keeper, me, &[row]);
    let answer = OfferAnswer { request, refusal: None, span: None, free: 0, share: 0, head: None };
    distributor.answered(now, keeper, &answer);
    assert_eq!(distributor.standing(key).map(|s| s.kept), Some(1));
}

#[test]
fn what_only_peers_of_this_machine_keep_is_told() {
    let (me, now) = (PeerId([1; 32]), Time(1));
    let (key, size) = ((me, FileId([3; 32])), 1 << 20);
    let mut distributor = Distributor::new(me, PlacementSecret::new([7; 32]));
    distributor.want(now, key, Want { size, path: "a".parse().unwrap(), copies: 3 }, &[], None);
    let is_here = |distributor: &Distributor| distributor.standing(key).unwrap().is_here;
    assert!(!is_here(&distributor), "nobody keeps it");
    let span = Span::whole(size).unwrap();
    for (keeper, source) in [(PeerId([2; 32]), [127, 0, 0, 1]), (PeerId([4; 32]), [10, 0, 0, 2])] {
        // Where it is counts once it is here.
        note_source(&mut distributor, keeper, source.into());
        distributor.here(now, keeper);
        let row = ReportRow { file: key.1, size, copies: 3, copy: 1, span, have: span.len(), dropped: false };
        distributor.reported(now, keeper, me, &[row]);
        distributor.challenge_answered(now, keeper, key, true);
        assert!(!is_here(&distributor));
        note_source(&mut distributor, keeper, source.into());
        assert_eq!(is_here(&distributor), source == [127, 0, 0, 1]);
    }
}

/// A file is done with as soon as it is begun: however many there are, none begins the next one within its own call.
#[test]
fn twenty_thousand_files_that_nobody_has_space_for_are_gone_through_one_after_the_other() {
    let (me, keeper) = (PeerId([1; 32]), PeerId([2; 32]));
    let mut distributor = Distributor::new(me, PlacementSecret::new([7; 32]));
    let keys: Vec<LedgerKey> = (0..20_000_u32)
        .map(|n| {
            let mut id = [3; 32];
            id[..4].copy_from_slice(&n.to_be_bytes());
            (me, FileId(id))
        })
        .collect();
    for key in &keys {
        distributor.want(
            Time(1),
            *key,
            Want { size: 1024, path: "a".parse().unwrap(), copies: 2 },
            &[],
            None,
        );
    }
    let starved = |distributor: &Distributor| {
        keys.iter().filter(|key| distributor.standing(**key).is_some_and(|standing| standing.starved)).count()
    };
    distributor.here(Time(1), keeper);
    let now = distributor.poll_timeout().expect("it places files a while after somebody came");
    distributor.handle_timeout(now);
    distributor.space(now, keeper, me, Space { request: 1, free: 0, share: 0 });
    assert_eq!(starved(&distributor), keys.len());
    // The only one who is asked goes, and takes with it who might have been.
    distributor.gone(now, keeper, true);
    assert_eq!(starved(&distributor), keys.len());
}
