//! Random histories, the same every time: changes, failures of every kind, late writes, kills, two processes. However they
//! interleave, after some quiet the namespace says what the database says.

use std::sync::Arc;

use keyward_control_plane::{
    clock::Clock as _,
    domain::Key,
    publish::{KvError, Publisher, Reconciler, reconcile::Reach},
    store::Store as _,
};
use keyward_shared::{Brands, Entropy as _};

use crate::{
    fake_kv::{Applied, Write},
    fault,
    keys::{DEFAULT, Seeded, renamed, ring},
    world::World,
};

/// Many short histories: what goes wrong early in a long one is mended by what follows.
const HISTORIES: u64 = 120;
const STEPS: usize = 25;
/// Few keys, so that changes meet.
const MOST_KEYS: usize = 3;
/// No write lands later than this after its caller was told, or was killed.
const LATEST: usize = 59;

struct Simulation {
    world: World,
    random: Seeded,
    keys: Vec<Key>,
    processes: Vec<Arc<Publisher>>,
    started: usize,
}

impl Simulation {
    async fn new(seed: u64) -> Self {
        let world = World::new().await;
        let processes = vec![
            world.another_publisher("a", &ring(&[1])),
            world.another_publisher("b", &ring(&[1])),
        ];
        Self {
            world,
            random: Seeded::new(seed),
            keys: Vec::new(),
            processes,
            started: 0,
        }
    }

    fn below(&self, bound: usize) -> usize {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % bound as u64).unwrap()
    }

    async fn step(&mut self) {
        match self.below(10) {
            0 if self.keys.len() < MOST_KEYS => {
                let seed = self.keys.len() as u64 + 1;
                let key = self.world.create(seed).await;
                self.keys.push(key);
            }
            0..=3 => self.change().await,
            4 => self.world.kv().next_write(self.failure()),
            5 => self.kill().await,
            _ => self.publish(self.below(2)).await,
        }
        let pause = [0, 1, 1, 1, 3, 5, 20][self.below(7)];
        self.world.clock.advance(pause);
        self.world.kv().land_late_writes();
    }

    async fn change(&mut self) {
        if self.keys.is_empty() {
            return;
        }
        let at = self.below(self.keys.len());
        let (key, now) = (&self.keys[at], self.world.clock.now());
        let next = match self.below(6) {
            0 => Ok(key.revoked("admin", now)),
            1 => key.deactivated("admin", now),
            2 => key.activated(now),
            _ => Ok(renamed_if_alive(key, now)),
        };
        if let Ok(next) = next
            && next.revision > key.revision
        {
            self.world.update(&next).await;
            self.keys[at] = next;
        }
    }

    fn applied(&self) -> Applied {
        let late = self.below(LATEST) as u64;
        [Applied::Not, Applied::AtOnce, Applied::Late(late)][self.below(3)]
    }

    fn failure(&self) -> Write {
        if self.below(3) == 0 {
            let names = self.keys.iter().map(|key| key.hash.kv_name());
            return Write::Partly(names.filter(|_| self.below(2) == 0).collect());
        }
        let error: KvError = match self.below(4) {
            0 => return Write::Fail(fault::too_many(self.below(40) as u64), Applied::Not),
            1 => return Write::Fail(fault::unreachable(), Applied::Not),
            _ => fault::of_unknown_outcome()[self.below(5)].clone(),
        };
        Write::Fail(error, self.applied())
    }

    async fn publish(&self, process: usize) {
        let publisher = &self.processes[process];
        let lane = publisher.lanes().next().unwrap();
        publisher.publish_once(lane).await.unwrap();
    }

    /// Everything stops, perhaps in the midst of a write, and starts again.
    async fn kill(&mut self) {
        self.world.kv().next_write(Write::Vanish(self.applied()));
        let writes = self.world.kv().writes().len();
        tokio::select! {
            () = self.publish(0) => {}
            () = self.world.kv().writes_begun(writes + 1) => {}
        }
        self.world.kv().forget_what_comes();
        self.world.clock.advance(1);
        let now = self.world.clock.now();
        self.world
            .store
            .prepare(DEFAULT, &Brands::default(), now)
            .await
            .unwrap();
        self.started += 1;
        let process = |number: usize| format!("{number} after {}", self.started);
        self.processes = (0..2)
            .map(|number| self.world.another_publisher(&process(number), &ring(&[1])))
            .collect();
    }

    /// Nothing fails any more, for longer than anything waits.
    async fn quiet(&self) {
        self.world.kv().forget_what_comes();
        for _ in 0..60 {
            self.publish(0).await;
            self.world.clock.advance(5);
            self.world.kv().land_late_writes();
        }
    }
}

/// Another name for the key, unless it has ended.
fn renamed_if_alive(key: &Key, now: jiff::Timestamp) -> Key {
    if key.status.has_ended() {
        key.clone()
    } else {
        renamed(key, &format!("revision {}", key.revision + 1), now)
    }
}

#[tokio::test]
async fn after_quiet_the_namespace_says_what_the_database_says() {
    for seed in 0..HISTORIES {
        let mut simulation = Simulation::new(seed).await;
        for _ in 0..STEPS {
            simulation.step().await;
        }
        simulation.quiet().await;
        let world = &simulation.world;
        for key in &simulation.keys {
            assert_eq!(world.published(key), Some(key.record()), "history {seed}");
            assert!(world.has_arrived(key).await, "history {seed}");
        }
        let status = world.status().await;
        assert_eq!(
            (status.waiting, status.deployments[0].rewriting),
            (0, 0),
            "history {seed}"
        );
        let report = Reconciler::new(Arc::clone(&world.publisher))
            .reconcile(Reach::All)
            .await;
        let counts = &report.deployments[0].findings.counts;
        assert_eq!(
            (counts.names, counts.repaired),
            (simulation.keys.len() as u64, 0),
            "history {seed}"
        );
    }
}
