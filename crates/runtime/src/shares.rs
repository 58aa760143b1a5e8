//! Shares of a bounded thing: how much of it one peer may hold at a time, so that one cannot take it all.
//!
//! Only holders are remembered: the memory is bounded by whatever bounds the thing itself.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts what each peer holds; clones count together.
#[derive(Clone, Debug)]
pub struct Shares<K> {
    held: Arc<Mutex<HashMap<K, usize>>>,
    most: usize,
}

/// One of a peer's shares, given back when it is dropped.
#[derive(Debug)]
pub struct Share<K: Clone + Eq + Hash> {
    shares: Shares<K>,
    peer: K,
}

impl<K: Clone + Eq + Hash> Shares<K> {
    /// `most` shares for each peer.
    pub fn new(most: usize) -> Self {
        Self { held: Arc::default(), most }
    }

    /// One more share for `peer`, unless it holds as many as it may.
    pub fn take(&self, peer: K) -> Option<Share<K>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.get(&peer).copied().unwrap_or(0);
        if count >= self.most {
            return None;
        }
        held.insert(peer.clone(), count + 1);
        drop(held);
        Some(Share { shares: self.clone(), peer })
    }
}

impl<K: Clone + Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = self.shares.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(&self.peer) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(held.remove(&self.peer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_peer_has_its_own_and_gives_them_back() {
        let shares = Shares::new(2);
        let (first, second) = (shares.take("a").unwrap(), shares.take("a").unwrap());
        assert!(shares.take("a").is_none());
        assert!(shares.take("b").is_some());
        drop(first);
        let third = shares.clone().take("a").unwrap();
        assert!(shares.take("a").is_none());
        drop((third, second));
        assert!(shares.held.lock().unwrap().is_empty());
    }
}
