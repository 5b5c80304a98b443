import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The life of a topic: created, described, changed, grown, deleted, and what is refused. */
final class Administration {
    private static final String TOPIC = "admin.java-" + Clients.VERSION.replace('.', '-');

    private Administration() {}

    private static <T> T done(Future<T> future) throws Exception {
        return future.get(20, TimeUnit.SECONDS);
    }

    private static void refused(Class<? extends Exception> kind, Future<?> future)
            throws Exception {
        try {
            done(future);
        } catch (ExecutionException error) {
            Clients.check(kind.isInstance(error.getCause()), "" + error.getCause());
            return;
        }
        throw new AssertionError(kind + " was expected");
    }

    private static void checkConfigs(Admin admin) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, TOPIC);
        Config before = done(admin.describeConfigs(List.of(resource)).all()).get(resource);
        Clients.check(before.get("retention.ms").value().equals("-1"), "" + before);
        AlterConfigOp set = new AlterConfigOp(
            new ConfigEntry("max.message.bytes", "2000"), AlterConfigOp.OpType.SET);
        AlterConfigOp unset = new AlterConfigOp(
            new ConfigEntry("retention.ms", null), AlterConfigOp.OpType.DELETE);
        done(admin.incrementalAlterConfigs(Map.of(resource, List.of(set, unset))).all());
        Config after = done(admin.describeConfigs(List.of(resource)).all()).get(resource);
        Clients.check(after.get("max.message.bytes").value().equals("2000"), "" + after);
        Clients.check(after.get("retention.ms").isDefault(), "" + after);
        Properties settings = Clients.settings();
        ByteArraySerializer bytes = new ByteArraySerializer();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, bytes, bytes)) {
            done(producer.send(new ProducerRecord<>(TOPIC, 1, null, new byte[1000])));
            refused(RecordTooLargeException.class,
                producer.send(new ProducerRecord<>(TOPIC, 1, null, new byte[3000])));
        }
    }

    private static void checkDeletedRecords(Admin admin) throws Exception {
        TopicPartition at = new TopicPartition(TOPIC, 1);
        var deleted = admin.deleteRecords(Map.of(at, RecordsToDelete.beforeOffset(1)));
        Clients.check(done(deleted.lowWatermarks().get(at)).lowWatermark() == 1, "low watermark");
        var earliest = admin.listOffsets(Map.of(at, OffsetSpec.earliest())).partitionResult(at);
        Clients.check(done(earliest).offset() == 1, "the log start offset");
    }

    static void run(Admin admin) throws Exception {
        NewTopic topic = new NewTopic(TOPIC, 2, (short) 1).configs(Map.of("retention.ms", "-1"));
        done(admin.createTopics(List.of(topic)).all());
        refused(TopicExistsException.class, admin.createTopics(List.of(topic)).all());
        NewTopic badly = new NewTopic("no/topic", 2, (short) 1);
        refused(InvalidTopicException.class, admin.createTopics(List.of(badly)).all());
        checkConfigs(admin);
        checkDeletedRecords(admin);
        NewPartitions more = NewPartitions.increaseTo(Clients.PARTITIONS);
        done(admin.createPartitions(Map.of(TOPIC, more)).all());
        NewPartitions fewer = NewPartitions.increaseTo(1);
        refused(InvalidPartitionsException.class,
            admin.createPartitions(Map.of(TOPIC, fewer)).all());
        var described = admin.describeTopics(List.of(TOPIC)).topicNameValues().get(TOPIC);
        TopicDescription found = done(described);
        Clients.check(found.partitions().size() == Clients.PARTITIONS, "" + found);
        done(admin.deleteTopics(List.of(TOPIC)).all());
        refused(UnknownTopicOrPartitionException.class, admin.deleteTopics(List.of(TOPIC)).all());
        Clients.check(!done(admin.listTopics().names()).contains(TOPIC), "the topic stays");
    }
}
