//! Topics and configs.

use std::collections::BTreeMap;
use std::time::Duration;

use corelog_client::admin::{ConfigChange, ConfigSource, Resource};
use corelog_client::producer::Message;
use corelog_client::{Producer, ProducerConfig, TopicPartition};
use corelog_model::{ErrorCode, Offset};

use crate::{Bench, LOOKS_MAX, Outcome, same};

pub(crate) async fn topics_come_grow_and_go(bench: Bench) -> Outcome {
    let name = bench.topic("admin", 2).await?;
    same("partitions", &bench.admin.describe_topic(&name).await?.partitions.len(), &2)?;
    bench.admin.add_partitions(&name, 5).await?;
    // Every node has to hear of it.
    for _ in 0..LOOKS_MAX {
        if bench.admin.describe_topic(&name).await?.partitions.len() == 5 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    same("partitions", &bench.admin.describe_topic(&name).await?.partitions.len(), &5)?;
    bench.admin.delete_topic(&name).await?;
    for _ in 0..LOOKS_MAX {
        if !bench.admin.list_topics().await?.contains_key(name.as_str()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let is_there = bench.admin.list_topics().await?.contains_key(name.as_str());
    same("the deleted topic", &is_there, &false)?;
    let nodes = bench.admin.describe_cluster().await?.nodes;
    same("a cluster without nodes", &nodes.is_empty(), &false)
}

pub(crate) async fn configs_are_changed_one_by_one(bench: Bench) -> Outcome {
    let resource = Resource::Topic(bench.topic("configs", 1).await?);
    let value = async |name: &str| {
        let configs = bench.admin.describe_configs(&resource).await?;
        let config = configs.into_iter().find(|config| config.name == name);
        let config = config.ok_or(format!("no {name}"))?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((config.value, config.source))
    };
    let settled = async |name: &str, holds: fn(&ConfigSource) -> bool| {
        for _ in 0..LOOKS_MAX {
            if holds(&value(name).await?.1) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        value(name).await
    };
    let is_set = |source: &ConfigSource| *source == ConfigSource::Topic;
    let changes = [
        ("retention.ms".to_owned(), ConfigChange::Set("1234567".to_owned())),
        ("max.message.bytes".to_owned(), ConfigChange::Set("2000000".to_owned())),
    ];
    if let Err(error) = bench.admin.alter_configs(&resource, &changes).await {
        if matches!(error, corelog_client::ClientError::Version { .. }) {
            println!("        this broker does not offer IncrementalAlterConfigs");
            return Ok(());
        }
        return Err(error.into());
    }
    let set = (Some("1234567".to_owned()), ConfigSource::Topic);
    same("retention.ms", &settled("retention.ms", is_set).await?, &set)?;
    let unset = [("retention.ms".to_owned(), ConfigChange::Unset)];
    bench.admin.alter_configs(&resource, &unset).await?;
    let unset = settled("retention.ms", |source| *source != ConfigSource::Topic).await?;
    same("the source", &(unset.1 == ConfigSource::Topic), &false)?;
    let other = (Some("2000000".to_owned()), ConfigSource::Topic);
    same("max.message.bytes", &value("max.message.bytes").await?, &other)
}

pub(crate) async fn records_before_an_offset_are_deleted(bench: Bench) -> Outcome {
    let topic = bench.topic("delete-records", 1).await?;
    let producer = Producer::new(&bench.cluster, ProducerConfig::default()).await?;
    for _ in 0..10 {
        producer.send(&Message::of_value(&topic, b"value")).await?;
    }
    producer.flush().await;
    let at = TopicPartition::new(&topic, 0);
    let before = BTreeMap::from([(at.clone(), Offset(4))]);
    let begins = bench.admin.delete_records(&before).await?;
    same("the beginning", &begins, &BTreeMap::from([(at, Offset(4))]))
}

pub(crate) async fn what_is_not_there_is_refused(bench: Bench) -> Outcome {
    let error = bench.admin.describe_topic("conformance-nowhere").await.unwrap_err();
    let is_missing = matches!(error, corelog_client::ClientError::NoTopic(_));
    same("an unknown topic", &is_missing, &true)?;
    let name = bench.topic("twice", 1).await?;
    let again = corelog_client::admin::NewTopic {
        name,
        partitions: Some(1),
        replication_factor: Some(1),
        configs: Vec::new(),
    };
    let error = bench.admin.create_topic(&again).await.unwrap_err();
    same("a second creation", &error.code(), &Some(ErrorCode::TopicAlreadyExists))
}
