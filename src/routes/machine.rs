//! The machine of the routes. Pure.
//!
//! A route is kept by its target, a name and a port. It is looked up, its addresses are dialled, and whoever TLS
//! proves there is the other end of the link. One that is lost is tried again, soon if it was up lately. What the
//! user typed is remembered once it was up; what `--connect` says is the setting's.
//!
//! Contract: after each `handle_*` drain [`Routes::poll_output`], and call [`Routes::handle_timeout`] when
//! [`Routes::poll_timeout`] says so.

use core::time::Duration;
use std::collections::VecDeque;

use super::RouteFault;
use super::limits;
use crate::address::{Host, RouteTarget};
use crate::identity::PeerId;
use crate::time::Time;

/// The number of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RouteId(pub(crate) u64);

/// The other end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkPeer {
    pub(crate) peer: PeerId,
    /// Where TLS proved it.
    pub(crate) host: Host,
}

/// How far a route is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RouteState {
    /// Its name is being looked up.
    Resolving,
    /// Its addresses are being dialled.
    Dialling,
    /// The link stands since then.
    Up(LinkPeer, Time),
    /// It is tried again then.
    Waiting(Time),
}

/// Where a route comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RouteOrigin {
    /// `--connect` says it.
    Setting,
    /// The user typed it, now or before an earlier start.
    Typed,
    /// The table between sites brought it: it is not remembered, and forgotten once it is down for long.
    Found,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) id: RouteId,
    pub(crate) target: RouteTarget,
    pub(crate) state: RouteState,
    /// Why it is not up.
    pub(crate) fault: Option<RouteFault>,
    pub(crate) origin: RouteOrigin,
    /// True if it was remembered from an earlier start, or was up in this one: it is tried again.
    is_kept: bool,
    last_up: Option<Time>,
    /// In a row.
    failures: u32,
}

/// A route that the user ended.
#[derive(Clone, Debug)]
struct EndedRoute {
    target: RouteTarget,
    /// Who was there, if it was up.
    peer: Option<PeerId>,
}

/// What the machine wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RouteOutput {
    /// Look this name up, and tell by [`Routes::handle_resolved`].
    Resolve(RouteId, RouteTarget),
    /// Dial these addresses at this port, and tell by [`Routes::handle_up`] or [`Routes::handle_failed`].
    Dial(RouteId, Vec<Host>, u16),
    /// End this connection, or attempt.
    Close(RouteId),
    /// The link stands.
    Up(RouteId, LinkPeer),
    /// The link is down. `true`: the user wants that.
    Down(PeerId, bool),
    /// It cannot be had now; it may be forgotten by that.
    Failed(RouteId, RouteTarget, RouteFault),
    /// Remember these for the next start, and no others.
    Remember(Vec<RouteTarget>),
}

/// The machine.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    routes: Vec<Route>,
    /// What the user ended: the table is not to bring it back. At most [`limits::ENDED`].
    ended: VecDeque<EndedRoute>,
    next_id: u64,
    outputs: VecDeque<RouteOutput>,
}

impl Routes {
    /// Those of `--connect`, and those that are remembered.
    pub(crate) fn new(settings: Vec<RouteTarget>, remembered: Vec<RouteTarget>) -> Self {
        let mut routes = Self::default();
        for target in settings {
            routes.add(target, RouteOrigin::Setting);
        }
        for target in remembered {
            if routes.routes.len() < limits::ROUTES && routes.of(&target).is_none() {
                let id = routes.add(target, RouteOrigin::Typed);
                routes.get_mut(id).into_iter().for_each(|route| route.is_kept = true);
            }
        }
        routes
    }

    /// The next thing to do, until there is none.
    pub(crate) fn poll_output(&mut self) -> Option<RouteOutput> {
        self.outputs.pop_front()
    }

    /// All of them, in the order in which they were wanted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }

    /// The route with this number.
    pub(crate) fn get(&self, id: RouteId) -> Option<&Route> {
        self.routes.iter().find(|route| route.id == id)
    }

    /// The user wants this route, now.
    ///
    /// # Errors
    /// It is up already, or there are too many.
    pub(crate) fn handle_connect(&mut self, target: RouteTarget) -> Result<RouteId, RouteFault> {
        self.ended.retain(|ended| ended.target != target);
        let Some(known) = self.of(&target) else {
            if self.routes.len() >= limits::ROUTES {
                return Err(RouteFault::TooMany);
            }
            return Ok(self.add(target, RouteOrigin::Typed));
        };
        let (id, state) = (known.id, known.state.clone());
        self.adopt(id);
        match state {
            RouteState::Up(..) => return Err(RouteFault::AlreadyConnected),
            RouteState::Waiting(_) => self.begin(id),
            RouteState::Resolving | RouteState::Dialling => {}
        }
        Ok(id)
    }

    /// The table between sites says that another network of the group is there. It is tried once.
    pub(crate) fn handle_found(&mut self, target: RouteTarget) {
        let found = self.routes.iter().filter(|route| route.origin == RouteOrigin::Found).count();
        let has_place = found < limits::FOUND_ROUTES && self.routes.len() < limits::ROUTES;
        if self.ended.iter().any(|ended| ended.target == target) {
            return;
        }
        match self.of(&target) {
            None if has_place => drop(self.add(target, RouteOrigin::Found)),
            Some(Route { id, state: RouteState::Waiting(_), .. }) => {
                let id = *id;
                self.begin(id);
            }
            _ => {}
        }
    }

    /// The other end of a route that the table brought made a link with this peer as well. One is enough: that of the
    /// lower id stays.
    pub(crate) fn handle_served(&mut self, peer: PeerId, own: PeerId) {
        let is_surplus = |route: &Route| {
            let is_with = matches!(route.state, RouteState::Up(link, _) if link.peer == peer);
            route.origin == RouteOrigin::Found && is_with
        };
        let Some(place) = self.routes.iter().position(is_surplus).filter(|_| peer < own) else { return };
        let Route { id, target, .. } = self.routes.remove(place);
        self.outputs.push_back(RouteOutput::Close(id));
        self.outputs.push_back(RouteOutput::Down(peer, false));
        self.outputs.push_back(RouteOutput::Failed(id, target, RouteFault::AlreadyConnected));
    }

    /// The user wants this route no more; `None`: none of them. False: there was none.
    pub(crate) fn handle_disconnect(&mut self, target: Option<&RouteTarget>) -> bool {
        let (gone, left): (Vec<_>, Vec<_>) = std::mem::take(&mut self.routes)
            .into_iter()
            .partition(|route| target.is_none_or(|target| route.target == *target));
        self.routes = left;
        for route in &gone {
            self.outputs.push_back(RouteOutput::Close(route.id));
            let up = if let RouteState::Up(link, _) = route.state { Some(link.peer) } else { None };
            self.outputs.extend(up.map(|peer| RouteOutput::Down(peer, true)));
            if self.ended.len() >= limits::ENDED {
                self.ended.pop_front();
            }
            self.ended.push_back(EndedRoute { target: route.target.clone(), peer: up });
        }
        if !gone.is_empty() {
            self.remember();
        }
        !gone.is_empty()
    }

    /// A name was looked up.
    pub(crate) fn handle_resolved(&mut self, now: Time, id: RouteId, found: Result<Vec<Host>, RouteFault>) {
        let Some(route) = self.get_mut(id).filter(|route| route.state == RouteState::Resolving) else {
            return;
        };
        match found {
            Ok(hosts) => {
                route.state = RouteState::Dialling;
                let port = route.target.sender_port();
                self.outputs.push_back(RouteOutput::Dial(id, hosts, port));
            }
            Err(fault) => self.fail(now, id, fault),
        }
    }

    /// TLS proved a peer where the route leads.
    pub(crate) fn handle_up(&mut self, now: Time, id: RouteId, link: LinkPeer, own: PeerId) {
        let is_linked = self.routes.iter().any(|route| {
            route.id != id && matches!(&route.state, RouteState::Up(up, _) if up.peer == link.peer)
        });
        let fault = match () {
            () if link.peer == own => Some(RouteFault::Yourself),
            () if is_linked => Some(RouteFault::AlreadyConnected),
            () if self.is_ended(id, link.peer) => Some(RouteFault::Unwanted),
            () => None,
        };
        if let Some(fault) = fault {
            self.outputs.push_back(RouteOutput::Close(id));
            return self.fail(now, id, fault);
        }
        let Some(route) = self.get_mut(id) else {
            return self.outputs.push_back(RouteOutput::Close(id));
        };
        route.state = RouteState::Up(link, now);
        (route.last_up, route.failures, route.fault) = (Some(now), 0, None);
        let is_new = !std::mem::replace(&mut route.is_kept, true) && route.origin == RouteOrigin::Typed;
        self.ended.retain(|ended| ended.peer != Some(link.peer));
        self.outputs.push_back(RouteOutput::Up(id, link));
        if is_new {
            self.remember();
        }
    }

    /// The connection, or the attempt, is over.
    pub(crate) fn handle_failed(&mut self, now: Time, id: RouteId, fault: RouteFault) {
        self.fail(now, id, fault);
    }

    /// When [`Self::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        let due = |route: &Route| if let RouteState::Waiting(at) = route.state { Some(at) } else { None };
        self.routes.iter().filter_map(due).min()
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        let is_due = |route: &&Route| matches!(route.state, RouteState::Waiting(at) if at <= now);
        let due: Vec<_> = self.routes.iter().filter(is_due).map(|route| route.id).collect();
        due.into_iter().for_each(|id| self.begin(id));
    }

    /// True if the table brought this route to a peer with which the user ended the link.
    fn is_ended(&self, id: RouteId, peer: PeerId) -> bool {
        let is_found = self.get(id).is_some_and(|route| route.origin == RouteOrigin::Found);
        is_found && self.ended.iter().any(|ended| ended.peer == Some(peer))
    }

    fn of(&self, target: &RouteTarget) -> Option<&Route> {
        self.routes.iter().find(|route| route.target == *target)
    }

    fn get_mut(&mut self, id: RouteId) -> Option<&mut Route> {
        self.routes.iter_mut().find(|route| route.id == id)
    }

    /// A route that the table brought is the user's from now on.
    fn adopt(&mut self, id: RouteId) {
        let Some(route) = self.get_mut(id).filter(|route| route.origin == RouteOrigin::Found) else { return };
        route.origin = RouteOrigin::Typed;
        if route.is_kept {
            self.remember();
        }
    }

    fn add(&mut self, target: RouteTarget, origin: RouteOrigin) -> RouteId {
        let id = RouteId(self.next_id);
        self.next_id += 1;
        self.routes.push(Route {
            id,
            target,
            state: RouteState::Waiting(Time::ZERO),
            fault: None,
            origin,
            is_kept: origin == RouteOrigin::Setting,
            last_up: None,
            failures: 0,
        });
        self.begin(id);
        id
    }

    fn begin(&mut self, id: RouteId) {
        if let Some(route) = self.get_mut(id) {
            route.state = RouteState::Resolving;
            let target = route.target.clone();
            self.outputs.push_back(RouteOutput::Resolve(id, target));
        }
    }

    /// It waits until it is tried again. What the user typed a moment ago, and never was up, is forgotten.
    fn fail(&mut self, now: Time, id: RouteId, fault: RouteFault) {
        let Some(route) = self.get_mut(id) else { return };
        if let RouteState::Up(LinkPeer { peer, .. }, _) = route.state {
            self.outputs.push_back(RouteOutput::Down(peer, false));
        }
        let Some(route) = self.get_mut(id) else { return };
        let is_forgotten = !route.is_kept || route.origin == RouteOrigin::Found && !route.is_missed(now);
        route.fault = Some(fault);
        route.state = RouteState::Waiting(now + route.pause(now));
        route.failures = route.failures.saturating_add(1);
        let target = route.target.clone();
        if is_forgotten {
            self.routes.retain(|route| route.id != id);
        }
        self.outputs.push_back(RouteOutput::Failed(id, target, fault));
    }

    fn remember(&mut self) {
        let kept = self.routes.iter().filter(|route| route.is_kept && route.origin == RouteOrigin::Typed);
        let kept = kept.map(|route| route.target.clone()).collect();
        self.outputs.push_back(RouteOutput::Remember(kept));
    }
}

impl Route {
    /// How long it waits before the next try: twice as long each time, up to a bound.
    fn pause(&self, now: Time) -> Duration {
        let most = if self.is_missed(now) { limits::SOON } else { limits::LATER };
        (Duration::from_secs(1) * 2_u32.pow(self.failures.min(10))).min(most)
    }

    /// True if it was up lately.
    fn is_missed(&self, now: Time) -> bool {
        self.last_up.is_some_and(|at| now.since(at) < limits::MISSED)
    }
}
