//! Claims about certificates that were revoked.

use super::*;

fn asks(scene: &Scene, file: &Path) -> Result<(), ClientError> {
    scene.connect(Listener::Ssl, Some(scene.tls(Some(file))), None).map(drop)
}

#[test]
fn a_revoked_certificate_is_refused_and_others_come_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("crl.pem");
    // The scene makes its authority as it begins, so that the first list is that of another.
    let other = Authority::new(folder.path());
    other.revoke(&[], 2100);
    let scene = Scene::begin(&[
        ("listener.name.ssl.ssl.client.auth", "required"),
        ("listener.name.ssl.corelog.ssl.crl.location", &list.display().to_string()),
    ]);
    let (one, two) = (
        scene.authority.make("one.pem", "one", "loggers"),
        scene.authority.make("two.pem", "two", "loggers"),
    );
    assert!(asks(&scene, &one).is_err(), "nobody knows whether it is revoked");
    fs::copy(scene.authority.revoke(&[], 2100), &list).expect("a file can be written");
    hang_up(&scene.broker);
    wait_until("a list that is known", || asks(&scene, &one).is_ok());
    asks(&scene, &two).expect("it is not revoked");
    fs::copy(scene.authority.revoke(&["one.pem"], 2100), &list).expect("a file can be written");
    hang_up(&scene.broker);
    wait_until("the end of a revoked certificate", || asks(&scene, &one).is_err());
    asks(&scene, &two).expect("it is not revoked");
    // A list that does not count any more takes the place of none.
    fs::copy(scene.authority.revoke(&[], 2021), &list).expect("a file can be written");
    hang_up(&scene.broker);
    wait_until("a complaint about the list", || {
        scene.broker.log().contains("the old TLS files stay in use")
    });
    assert!(asks(&scene, &one).is_err(), "it stays revoked");
    asks(&scene, &two).expect("it is not revoked");
}

#[test]
fn lists_that_cannot_be_read_or_do_not_count_any_more_are_refused_at_the_start() {
    let folder = DataFolder::new();
    let authority = Authority::new(folder.path());
    let server = authority.make("server.pem", "server", "brokers");
    let text = |path: &Path| path.display().to_string();
    let list = authority.revoke(&[], 2021);
    let launch = Launch::new(folder.path(), folder.data());
    let listener = format!("SSL://127.0.0.1:{}", launch.endpoint().port());
    let mut launch = launch
        .set("listeners", &listener)
        .set("ssl.client.auth", "required")
        .set("ssl.keystore.location", &text(&server))
        .set("ssl.truststore.location", &text(&authority.certificate()))
        .set("corelog.ssl.crl.location", &text(&list));
    let mut refused = |why: &str| {
        let (code, said) = launch.refused();
        assert_eq!(code, Some(5), "{said}");
        assert!(said.contains("crl.pem") && said.contains(why), "{why}: {said}");
    };
    refused("counts until 2021-01-01");
    fs::write(&list, "not a list").expect("a file can be written");
    refused("it has no X509 CRL in PEM");
    fs::remove_file(&list).expect("a file can be removed");
    refused("No such file");
}
