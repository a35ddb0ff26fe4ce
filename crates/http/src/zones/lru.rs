//! A table of bounded size that knows what was used least recently.

use std::collections::HashMap;
use std::sync::Arc;

/// Marks the end of the list.
const NONE: usize = usize::MAX;

/// Entries by key, in the order of use, each with the bytes that it counts for.
#[derive(Debug)]
pub struct Lru<V> {
    by_key: HashMap<Arc<[u8]>, usize>,
    nodes: Vec<Option<Node<V>>>,
    free: Vec<usize>,
    newest: usize,
    oldest: usize,
    bytes: u64,
    bytes_max: u64,
}

#[derive(Debug)]
struct Node<V> {
    key: Arc<[u8]>,
    value: V,
    bytes: u64,
    newer: usize,
    older: usize,
}

impl<V> Lru<V> {
    /// A table that holds entries of so many bytes.
    pub fn new(bytes_max: u64) -> Self {
        Self {
            by_key: HashMap::new(),
            nodes: Vec::new(),
            free: Vec::new(),
            newest: NONE,
            oldest: NONE,
            bytes: 0,
            bytes_max,
        }
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Whether an entry of so many bytes fits without removing another.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.bytes.saturating_add(bytes) <= self.bytes_max
    }

    /// An entry, without using it.
    pub fn peek(&mut self, key: &[u8]) -> Option<&mut V> {
        let at = *self.by_key.get(key)?;
        self.node(at).map(|node| &mut node.value)
    }

    /// An entry, which becomes the one used last.
    pub fn touch(&mut self, key: &[u8]) -> Option<&mut V> {
        let at = *self.by_key.get(key)?;
        self.unlink(at);
        self.link_newest(at);
        self.node(at).map(|node| &mut node.value)
    }

    /// Adds an entry, or replaces the one of that key; it is the one used last. False, and nothing
    /// changes, if it does not fit: whoever adds decides what goes first ([`remove_oldest`]).
    ///
    /// [`remove_oldest`]: Lru::remove_oldest
    pub fn insert(&mut self, key: &[u8], value: V, bytes: u64) -> bool {
        let before = self.by_key.get(key).copied();
        let freed = before
            .and_then(|at| self.node(at))
            .map_or(0, |node| node.bytes);
        if self.bytes - freed + bytes > self.bytes_max {
            return false;
        }
        self.remove(key);
        let key: Arc<[u8]> = key.into();
        let node = Node {
            key: key.clone(),
            value,
            bytes,
            newer: NONE,
            older: NONE,
        };
        let at = self.free.pop().unwrap_or_else(|| {
            self.nodes.push(None);
            self.nodes.len() - 1
        });
        self.nodes[at] = Some(node);
        self.by_key.insert(key, at);
        self.bytes += bytes;
        self.link_newest(at);
        true
    }

    /// The entry that was not used for the longest time.
    pub fn oldest(&self) -> Option<(&[u8], &V)> {
        let node = self.nodes.get(self.oldest)?.as_ref()?;
        Some((&node.key, &node.value))
    }

    /// Removes the entry that was not used for the longest time.
    pub fn remove_oldest(&mut self) -> Option<V> {
        let key = self.nodes.get(self.oldest)?.as_ref()?.key.clone();
        self.remove(&key)
    }

    /// Removes an entry.
    pub fn remove(&mut self, key: &[u8]) -> Option<V> {
        let at = self.by_key.remove(key)?;
        self.unlink(at);
        self.free.push(at);
        let node = self.nodes[at].take()?;
        self.bytes -= node.bytes;
        Some(node.value)
    }

    fn node(&mut self, at: usize) -> Option<&mut Node<V>> {
        self.nodes.get_mut(at)?.as_mut()
    }

    fn unlink(&mut self, at: usize) {
        let Some((newer, older)) = self.node(at).map(|node| (node.newer, node.older)) else {
            return;
        };
        match self.node(newer) {
            Some(node) => node.older = older,
            None => self.newest = older,
        }
        match self.node(older) {
            Some(node) => node.newer = newer,
            None => self.oldest = newer,
        }
    }

    fn link_newest(&mut self, at: usize) {
        let second = std::mem::replace(&mut self.newest, at);
        match self.node(second) {
            Some(node) => node.newer = at,
            None => self.oldest = at,
        }
        if let Some(node) = self.node(at) {
            node.newer = NONE;
            node.older = second;
        }
    }
}

/// What an allocation takes of a zone: nginx's allocator gives powers of two up to half a page, and
/// whole pages beyond.
pub const fn slab_bytes(bytes: usize) -> u64 {
    const PAGE: usize = 4096;
    let taken = match bytes {
        0..=8 => 8,
        9..=2048 => bytes.next_power_of_two(),
        _ => bytes.div_ceil(PAGE) * PAGE,
    };
    taken as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(lru: &mut Lru<u32>) -> Vec<u32> {
        std::iter::from_fn(|| lru.remove_oldest()).collect()
    }

    #[test]
    fn what_was_used_last_goes_last() {
        let mut lru = Lru::new(100);
        for (key, value) in [(b"a", 1), (b"b", 2), (b"c", 3), (b"d", 4)] {
            assert!(lru.insert(key, value, 10));
        }
        assert_eq!(lru.touch(b"b").copied(), Some(2));
        assert_eq!(lru.touch(b"d").copied(), Some(4));
        assert_eq!(lru.peek(b"a").copied(), Some(1));
        assert_eq!(lru.remove(b"c"), Some(3));
        assert_eq!(lru.oldest(), Some((&b"a"[..], &1)));
        assert_eq!(order(&mut lru), [1, 2, 4]);
        assert!(lru.is_empty());
        assert_eq!(lru.touch(b"a"), None);
    }

    #[test]
    fn it_holds_so_many_bytes_and_not_more() {
        let mut lru = Lru::new(100);
        assert!(lru.insert(b"a", 1, 60));
        assert!(!lru.has_room(41) && lru.has_room(40));
        assert!(!lru.insert(b"b", 2, 41));
        assert!(
            lru.insert(b"a", 3, 100),
            "the same key makes room for itself"
        );
        assert_eq!(lru.remove_oldest(), Some(3));
        assert!(lru.insert(b"b", 2, 100));
        assert_eq!((lru.len(), lru.nodes.len()), (1, 1));
    }

    #[test]
    fn allocations_take_what_they_take_of_nginx() {
        let taken = [1, 8, 9, 84, 2048, 2049, 4097].map(slab_bytes);
        assert_eq!(taken, [8, 8, 16, 128, 2048, 4096, 8192]);
    }
}
