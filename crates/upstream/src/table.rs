//! The peers of a group as they are now: slots that keep their number for as long as a request goes
//! to them, and two tiers in the order of the configuration.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Instant;

use crate::group::PeerId;
use crate::health::{Checked, Health};
use crate::member::{Member, Place, Slot};
use crate::method::Method;
use crate::ring::Ring;
use crate::search::Search;
use crate::server::{Server, Use};
use crate::tier::Tier;
use crate::wheel::{Key, Seat};

/// The state of a group.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) method: Method,
    checked: Checked,
    pub(crate) slots: Vec<Slot>,
    free: Vec<u32>,
    /// Primary and backup servers.
    pub(crate) tiers: [Tier; 2],
    pub(crate) ring: Ring,
    pub(crate) tries: usize,
    pub(crate) epoch: Instant,
    random: u64,
}

/// Servers with the tables that are made of them.
pub(crate) struct Prepared {
    members: Vec<Member>,
    ring: Ring,
}

impl Prepared {
    pub(crate) fn new(servers: &[Server], method: Method) -> Self {
        Self::of(servers.iter().flat_map(Member::of).collect(), method)
    }

    pub(crate) fn of(members: Vec<Member>, method: Method) -> Self {
        let primary = members.iter().filter(|member| !member.backup);
        let ring = match method {
            Method::ConsistentHash => {
                Ring::new(primary.map(|member| (&member.server, member.weight)))
            }
            _ => Ring::default(),
        };
        Self { members, ring }
    }
}

impl Table {
    pub(crate) fn new(method: Method, servers: &[Server], now: Instant) -> Self {
        let mut table = Self {
            method,
            checked: Checked::Never,
            slots: Vec::new(),
            free: Vec::new(),
            tiers: Default::default(),
            ring: Ring::default(),
            tries: 0,
            epoch: now,
            random: RandomState::new().hash_one(0u8) | 1,
        };
        table.replace(Prepared::new(servers, method), now);
        table
    }

    /// Takes other servers, another method and whether there are checks.
    pub(crate) fn reconfigure(
        &mut self,
        servers: Prepared,
        method: Method,
        checked: Checked,
        now: Instant,
    ) {
        let old = self.clear();
        self.method = method;
        if checked == Checked::Never || self.checked == Checked::Never {
            let health = Health::new(checked);
            self.slots.iter_mut().for_each(|slot| slot.health = health);
        }
        self.checked = checked;
        self.fill(old, servers, now);
    }

    /// Whether it has these members and no others, in their order.
    pub(crate) fn consists_of(&self, members: &[Member]) -> bool {
        let of = |backup: bool| members.iter().filter(move |member| member.backup == backup);
        [(&self.tiers[0], false), (&self.tiers[1], true)]
            .into_iter()
            .all(|(tier, backup)| {
                let own = tier.order.iter();
                own.map(|&slot| &*self.slots[slot as usize].member)
                    .eq(of(backup))
            })
    }

    /// Takes other servers. What is known of peers that stay is kept.
    pub(crate) fn replace(&mut self, servers: Prepared, now: Instant) {
        let old = self.clear();
        self.fill(old, servers, now);
    }

    fn fill(&mut self, slots: Vec<u32>, servers: Prepared, now: Instant) {
        let mut old: HashMap<String, Vec<u32>> = HashMap::new();
        for slot in slots {
            let name = self.slots[slot as usize].member.peer.name.clone();
            old.entry(name).or_default().push(slot);
        }
        for member in servers.members {
            let same = old.get_mut(&member.peer.name).and_then(|slots| {
                let is_same = |&slot: &u32| self.slots[slot as usize].member.is_same_peer(&member);
                let at = slots.iter().position(is_same)?;
                Some(slots.remove(at))
            });
            self.place(Arc::new(member), same, now);
        }
        let gone: Vec<u32> = old.into_values().flatten().collect();
        for slot in gone {
            self.free_if_unused(slot);
        }
        self.ring = servers.ring;
    }

    /// Takes all peers out of the tiers; gives their slots.
    fn clear(&mut self) -> Vec<u32> {
        for slot in &mut self.slots {
            if let Some(place) = slot.place.take() {
                let tier = &mut self.tiers[usize::from(place.backup)];
                slot.seat = Seat::Out(tier.wheel.leave(place.at, slot.seat));
                slot.resting = None;
            }
        }
        self.tries = 0;
        std::mem::take(&mut self.tiers)
            .into_iter()
            .flat_map(|tier| tier.order)
            .collect()
    }

    fn place(&mut self, member: Arc<Member>, same: Option<u32>, now: Instant) {
        let backup = member.backup;
        self.tries += usize::from(member.used == Use::Normal);
        let slot = match same.or_else(|| self.free.pop()) {
            Some(slot) => slot,
            None => {
                self.slots.push(Slot::new(member.clone()));
                self.slots.len() as u32 - 1
            }
        };
        let entry = &mut self.slots[slot as usize];
        match same {
            Some(_) => entry.set_member(member.clone()),
            None => {
                *entry = Slot::new(member.clone());
                entry.health = Health::new(self.checked);
            }
        }
        let at = self.tiers[usize::from(backup)].push(slot, &member);
        self.slots[slot as usize].place = Some(Place { backup, at });
        self.refresh(slot, now);
    }

    /// Makes the slot of a peer that is gone free for another one, once no request goes to it.
    pub(crate) fn free_if_unused(&mut self, slot: u32) {
        let entry = &self.slots[slot as usize];
        if entry.place.is_none() && entry.conns == 0 {
            self.free.push(slot);
        }
    }

    /// Whether the group has one peer and no other to go to.
    pub(crate) fn is_single(&self) -> bool {
        self.tiers[0].order.len() == 1 && self.tiers[1].order.is_empty()
    }

    /// The slot at a place.
    pub(crate) fn slot_at(&self, tier: usize, at: u32) -> u32 {
        self.tiers[tier].order[at as usize]
    }

    /// Puts a peer's seat right after its state has changed.
    pub(crate) fn refresh(&mut self, id: u32, now: Instant) {
        let slot = &mut self.slots[id as usize];
        let Some(place) = slot.place.filter(|_| self.method.has_wheel()) else {
            return;
        };
        let tier = &mut self.tiers[usize::from(place.backup)];
        let key = Key {
            load: if self.method.by_load() {
                slot.conns.into()
            } else {
                0
            },
            weight: slot.member.weight,
        };
        let usable = slot.is_usable(now);
        let steady = slot.effective_weight == slot.member.weight && slot.ramp.is_none();
        match slot.seat {
            Seat::In(own, _) if usable && steady && own == key => return,
            Seat::Slow(own, _) if usable && !steady && own == key => return,
            _ => {}
        }
        let current = tier.wheel.leave(place.at, slot.seat);
        if let Some(until) = slot.resting.take() {
            tier.resting.remove(&(until, place.at));
        }
        slot.seat = match (usable, steady) {
            (true, true) => tier.wheel.enter(place.at, key, current),
            (true, false) => tier.wheel.enter_slow(place.at, key, current),
            (false, _) => Seat::Out(current),
        };
        slot.resting = slot.fails_until(now);
        if let Some(until) = slot.resting {
            tier.resting.insert((until, place.at));
        }
    }

    /// Lets those take part again whose time out of use is over.
    pub(crate) fn wake(&mut self, tier: usize, now: Instant) {
        while let Some(&(until, at)) = self.tiers[tier].resting.first()
            && until < now
        {
            self.tiers[tier].resting.pop_first();
            let slot = self.slot_at(tier, at);
            self.slots[slot as usize].resting = None;
            self.refresh(slot, now);
        }
    }

    /// Takes a peer out of the round, for one turn.
    pub(crate) fn leave(&mut self, slot: u32) {
        let slot = &mut self.slots[slot as usize];
        if let Some(place) = slot.place {
            let wheel = &mut self.tiers[usize::from(place.backup)].wheel;
            slot.seat = Seat::Out(wheel.leave(place.at, slot.seat));
        }
    }

    /// Gives the request to the peer at a place.
    pub(crate) fn choose(
        &mut self,
        tier: usize,
        at: u32,
        search: &mut Search,
        now: Instant,
    ) -> PeerId {
        let slot = self.slot_at(tier, at);
        self.slots[slot as usize].ask(now);
        self.refresh(slot, now);
        search.asked = true;
        search.tried.push(PeerId(slot));
        PeerId(slot)
    }

    /// The peer that the request asks for, if it can have it (`sticky`).
    pub(crate) fn hinted(&self, tier: usize, search: &Search, now: Instant) -> Option<u32> {
        let at = self.tiers[tier].by_id(search.hint.as_ref()?)?;
        let slot = self.slot_at(tier, at);
        let usable = self.slots[slot as usize].is_usable_for_known(now);
        (usable && !search.tried.contains(&PeerId(slot))).then_some(at)
    }

    /// Whether the peer at a place can take the request.
    pub(crate) fn is_free(&self, tier: usize, at: u32, search: &Search, now: Instant) -> bool {
        let slot = self.slot_at(tier, at);
        !search.tried.contains(&PeerId(slot)) && self.slots[slot as usize].is_usable(now)
    }

    /// Goes on at the backup servers; false if there are none left to go to.
    pub(crate) fn use_backups(&self, search: &mut Search) -> bool {
        if search.backup || self.tiers[1].order.is_empty() {
            return false;
        }
        search.backup = true;
        search.tried.clear();
        true
    }

    /// A number by chance (xorshift; nobody's secret depends on it).
    pub(crate) fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}
