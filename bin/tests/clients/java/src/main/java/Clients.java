import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** An unmodified kafka-clients: Clients write|read|group|transactions BOOTSTRAP NODES. */
public final class Clients {
    static final int PARTITIONS = 4;
    static final String VERSION = version();

    private static String bootstrap;

    private Clients() {}

    private static String version() {
        Properties inside = new Properties();
        String path = "/kafka/kafka-version.properties";
        try (InputStream text = Admin.class.getResourceAsStream(path)) {
            inside.load(text);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return inside.getProperty("version");
    }

    static Properties settings() {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        return settings;
    }

    private static String topicOf(String kind) {
        return "clients.java-" + VERSION.replace('.', '-') + "." + kind;
    }

    static void pass(String what) {
        System.out.println("PASS kafka-clients " + VERSION + " " + what);
    }

    static void check(boolean holds, String rule) {
        if (!holds) {
            throw new AssertionError(rule);
        }
    }

    /** Places are PARTITION/OFFSET. */
    private static Map<String, Integer> produce(String topic, String codec, boolean idempotent)
            throws Exception {
        Properties settings = settings();
        settings.put("compression.type", codec);
        settings.put("acks", "all");
        settings.put("enable.idempotence", idempotent);
        settings.put("linger.ms", 20);
        Map<String, Integer> placed = new HashMap<>();
        StringSerializer text = new StringSerializer();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings, text, text)) {
            List<Future<RecordMetadata>> results = new ArrayList<>();
            for (int number = 0; number < Rule.RECORDS; number++) {
                results.add(producer.send(Rule.record(topic, number)));
            }
            producer.flush();
            for (int number = 0; number < Rule.RECORDS; number++) {
                RecordMetadata result = results.get(number).get(20, TimeUnit.SECONDS);
                placed.put(result.partition() + "/" + result.offset(), number);
            }
        }
        check(placed.size() == Rule.RECORDS, "each record has a place of its own");
        return placed;
    }

    private static List<TopicPartition> partitions(String topic) {
        return IntStream.range(0, PARTITIONS)
            .mapToObj(at -> new TopicPartition(topic, at)).toList();
    }

    private static Map<String, Integer> consume(String topic) {
        Properties settings = settings();
        settings.put("auto.offset.reset", "none");
        settings.put("check.crcs", true);
        settings.put("fetch.max.wait.ms", 20);
        Map<String, Integer> found = new HashMap<>();
        StringDeserializer text = new StringDeserializer();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings, text, text)) {
            consumer.assign(partitions(topic));
            consumer.seekToBeginning(partitions(topic));
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
            while (found.size() < Rule.RECORDS) {
                check(System.nanoTime() < deadline, topic + ": " + found.size() + " records came");
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
                    String place = record.partition() + "/" + record.offset();
                    Integer before = found.put(place, Rule.check(record));
                    check(before == null, topic + ": " + place + " came twice");
                }
            }
        }
        int different = new TreeSet<>(found.values()).size();
        check(different == Rule.RECORDS, topic + ": " + different + " records");
        return found;
    }

    private static void checkOffsets(Admin admin, String topic, Map<String, Integer> placed)
            throws Exception {
        for (TopicPartition at : partitions(topic)) {
            long[] mine = placed.keySet().stream().map(place -> place.split("/"))
                .filter(place -> Integer.parseInt(place[0]) == at.partition())
                .mapToLong(place -> Long.parseLong(place[1])).sorted().toArray();
            check(mine[mine.length - 1] == mine.length - 1, at + " has gaps");
            long middle = placed.entrySet().stream()
                .filter(one -> one.getValue() >= Rule.RECORDS / 2)
                .map(one -> one.getKey().split("/"))
                .filter(place -> Integer.parseInt(place[0]) == at.partition())
                .mapToLong(place -> Long.parseLong(place[1])).min().orElse(-1);
            Map<OffsetSpec, Long> expected = Map.of(
                OffsetSpec.earliest(), 0L,
                OffsetSpec.latest(), (long) mine.length,
                OffsetSpec.maxTimestamp(), mine.length - 1L,
                OffsetSpec.forTimestamp(Rule.timestamp(Rule.RECORDS / 2)), middle,
                OffsetSpec.forTimestamp(Rule.timestamp(Rule.RECORDS)), -1L);
            for (Map.Entry<OffsetSpec, Long> one : expected.entrySet()) {
                ListOffsetsResultInfo found = admin.listOffsets(Map.of(at, one.getKey()))
                    .partitionResult(at).get(20, TimeUnit.SECONDS);
                check(found.offset() == one.getValue(),
                    at + " " + one + " is " + found.offset());
            }
        }
    }

    private static void write(Admin admin) throws Exception {
        List<String> kinds = List.of(
            "plain.none", "plain.gzip", "plain.snappy", "plain.lz4", "plain.zstd",
            "idempotent.zstd");
        for (String kind : kinds) {
            String topic = topicOf(kind);
            admin.createTopics(List.of(new NewTopic(topic, PARTITIONS, (short) 1)))
                .all().get(20, TimeUnit.SECONDS);
            String codec = kind.split("\\.")[1];
            Map<String, Integer> placed = produce(topic, codec, kind.startsWith("idempotent"));
            check(consume(topic).equals(placed), "what came back is not what was acknowledged");
            checkOffsets(admin, topic, placed);
            pass("writes " + kind.replace('.', ' '));
        }
        Administration.run(admin);
        pass("admin");
    }

    private static void read(Admin admin) throws Exception {
        List<String> topics = admin.listTopics().names().get(20, TimeUnit.SECONDS).stream()
            .filter(topic -> topic.startsWith("clients.")).sorted().toList();
        for (String topic : topics) {
            consume(topic);
        }
        pass("reads " + topics.size() + " topics of all clients");
    }

    public static void main(String[] arguments) throws Exception {
        bootstrap = arguments[1];
        int nodes = Integer.parseInt(arguments[2]);
        try (Admin admin = Admin.create(settings())) {
            int found = admin.describeCluster().nodes().get(20, TimeUnit.SECONDS).size();
            check(found == nodes, found + " nodes, " + nodes + " cores");
            switch (arguments[0]) {
                case "write" -> write(admin);
                case "read" -> read(admin);
                case "group" -> {
                    Groups.run(admin, topicOf("plain.none"), "classic");
                    pass("shares a topic in a classic group");
                    Groups.run(admin, topicOf("plain.none"), "consumer");
                    pass("shares a topic in a group of the new protocol");
                }
                case "transactions" -> {
                    Transactions.run(admin, "java-" + VERSION);
                    pass("copies in transactions");
                }
                default -> throw new IllegalArgumentException(arguments[0]);
            }
        }
    }
}
