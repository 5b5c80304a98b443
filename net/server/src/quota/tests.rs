//! What requests use up and how long their clients wait, on a clock driven by hand.

use corelog_cluster::decide::Mode;
use corelog_cluster::decide::client_quotas::{AlterClientQuotas, QuotaChange};
use corelog_cluster::{Change, ClusterImage, QuotaEntity, QuotaName};

use super::*;
use crate::api::scene::{cluster, decided};

fn at(ms: u64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The image with a quota of user bob.
fn with(image: &ClusterImage, key: QuotaKey, value: f64) -> ClusterImage {
    let change = QuotaChange { key: key.name().to_owned(), value: Some(value) };
    let entities = vec![(QuotaEntity::User(QuotaName::named("bob")), vec![change])];
    let request = AlterClientQuotas { mode: Mode::Apply, entities };
    decided(image, Change::AlterClientQuotas(request)).1
}

/// One connection to a core.
struct Scene {
    quotas: Rc<Quotas>,
    account: Rc<Account>,
    image: ClusterImage,
}

impl Scene {
    fn new(key: QuotaKey, value: f64) -> Self {
        let image = with(&cluster(&[1]), key, value);
        Self { quotas: Rc::default(), account: Rc::default(), image }
    }

    fn request(&self, user: &str) -> Option<Rc<Charge>> {
        let known = self.image.client_quotas();
        let who = (user, "app");
        Charge::begin(&self.quotas, &self.account, known, who, RequestTime::Counts)
    }

    fn of_bob(&self) -> Rc<Charge> {
        self.request("bob").expect("bob has a quota")
    }

    fn muted_until(&self) -> Option<Instant> {
        self.account.muted_until.get()
    }
}

#[test]
fn who_has_no_quota_is_not_counted() {
    let scene = Scene::new(QuotaKey::ProducerByteRate, 1.0);
    assert!(scene.request("alice").is_none());
}

#[test]
fn a_producer_over_its_rate_is_muted_as_soon_as_it_is_told() {
    let scene = Scene::new(QuotaKey::ProducerByteRate, 1_000.0);
    let first = scene.of_bob();
    first.produced(10_000, at(5));
    assert_eq!((first.settle(at(9)), scene.muted_until()), (None, None));
    let second = scene.of_bob();
    second.produced(1_000, at(5));
    assert_eq!(scene.muted_until(), Some(at(1_005)), "before the answer is there");
    assert_eq!(second.settle(at(9)), Some((QuotaKey::ProducerByteRate, ms(1_000))));
    assert_eq!(scene.muted_until(), Some(at(1_005)), "told and muted are the same time");
    let other_connection = Scene { account: Rc::default(), ..scene };
    other_connection.of_bob().produced(0, at(5));
    assert_eq!(
        other_connection.muted_until(),
        Some(at(1_005)),
        "a quota is not for each connection"
    );
}

#[test]
fn a_throttled_fetch_is_empty_and_does_not_count() {
    let scene = Scene::new(QuotaKey::ConsumerByteRate, 1_000.0);
    let first = scene.of_bob();
    assert_eq!(first.fetch_bytes_max(), 10_000);
    assert!(first.fetched(10_000, at(0)));
    let second = scene.of_bob();
    assert!(!second.fetched(500, at(0)));
    assert_eq!(second.settle(at(0)), Some((QuotaKey::ConsumerByteRate, ms(500))));
    assert_eq!(scene.muted_until(), Some(at(500)));
    assert!(scene.of_bob().fetched(500, at(500)), "after that time the same bytes are within it");
    let scene = Scene::new(QuotaKey::ProducerByteRate, 1_000.0);
    assert_eq!(scene.of_bob().fetch_bytes_max(), usize::MAX, "no quota on what it fetches");
}

#[test]
fn partitions_over_the_quota_are_refused_strictly_or_waited_for() {
    let scene = Scene::new(QuotaKey::ControllerMutationRate, 2.0);
    let request = scene.of_bob();
    assert!(request.may_change_partitions(24, Strictness::Strict, at(0)));
    assert_eq!(request.settle(at(0)), None);
    let request = scene.of_bob();
    assert!(!request.may_change_partitions(1, Strictness::Strict, at(0)));
    assert_eq!(request.settle(at(0)), Some((QuotaKey::ControllerMutationRate, ms(1_000))));
    let request = scene.of_bob();
    assert!(request.may_change_partitions(2, Strictness::Permissive, at(0)));
    assert_eq!(request.settle(at(0)), Some((QuotaKey::ControllerMutationRate, ms(2_000))));
    assert_eq!(scene.muted_until(), Some(at(2_000)));
}

#[test]
fn the_longest_time_is_the_one_that_counts() {
    let mut scene = Scene::new(QuotaKey::ProducerByteRate, 1_000.0);
    scene.image = with(&scene.image, QuotaKey::ControllerMutationRate, 1.0);
    let request = scene.of_bob();
    request.produced(15_000, at(0));
    assert!(request.may_change_partitions(12, Strictness::Permissive, at(0)));
    assert_eq!(request.settle(at(0)), Some((QuotaKey::ProducerByteRate, ms(5_000))));
}

#[test]
fn a_changed_quota_holds_for_the_next_request_of_a_connection() {
    let mut scene = Scene::new(QuotaKey::ProducerByteRate, 1_000.0);
    scene.of_bob().produced(10_000, at(0));
    let kept = Rc::clone(scene.of_bob().client_for_test());
    assert!(Rc::ptr_eq(&kept, scene.of_bob().client_for_test()), "looked up once");
    scene.image = with(&scene.image, QuotaKey::ProducerByteRate, 500.0);
    let request = scene.of_bob();
    request.produced(0, at(0));
    assert_eq!(request.settle(at(0)), Some((QuotaKey::ProducerByteRate, ms(10_000))));
}

#[test]
fn the_time_that_is_worked_counts_once_and_that_of_other_brokers_not_at_all() {
    let scene = Scene::new(QuotaKey::RequestPercentage, 1.0);
    let request = scene.of_bob();
    request.add_work_for_test(ms(150));
    // 15 % of a thread over ten seconds, 1.5 of 1: a wait of 5 s, of which one window counts.
    let told = Some((QuotaKey::RequestPercentage, ms(1_000)));
    assert_eq!(request.settle(at(0)), told);
    assert_eq!(request.settle(at(0)), told);
    let (known, who) = (scene.image.client_quotas(), ("bob", "app"));
    let exempt =
        Charge::begin(&scene.quotas, &Rc::default(), known, who, RequestTime::Free).unwrap();
    exempt.add_work_for_test(ms(150));
    assert_eq!(exempt.settle(at(0)), None);
}

#[test]
fn a_fetch_that_took_too_long_is_empty_though_its_bytes_are_within_the_rate() {
    let scene = Scene::new(QuotaKey::RequestPercentage, 1.0);
    let request = scene.of_bob();
    request.add_work_for_test(ms(110));
    assert!(!request.fetched(1, at(0)));
}
