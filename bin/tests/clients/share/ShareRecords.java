import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicIdPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Members of a share group read a topic with values 0, 1, 2, ... Arguments: the brokers, the group,
 * the topic, how many records there are, how many members, and the rule: "accept" everything, do so
 * "slow", or slowly "mix" accepting, releasing and rejecting. Ends when every record is done with, and checks that
 * none that was is delivered again. With "produce" for a group it writes the records instead.
 */
final class ShareRecords {
    private static final Duration PATIENCE = Duration.ofSeconds(120);

    /** After so long without a record none comes any more: locks last for less. */
    private static final Duration QUIET = Duration.ofSeconds(12);

    private final Map<Integer, String> done = new ConcurrentHashMap<>();
    /** Records of which a broker that went away did not say whether they are done with. */
    private final Map<Integer, String> open = new ConcurrentHashMap<>();
    private volatile long lastRecord = System.nanoTime();
    private final AtomicInteger released = new AtomicInteger();
    private final List<String> problems = new ArrayList<>();
    private final int records;
    private final boolean isMixed;
    private final boolean isSlow;

    private ShareRecords(int records, String rule) {
        this.records = records;
        this.isMixed = rule.equals("mix");
        this.isSlow = !rule.equals("accept");
    }

    public static void main(String[] arguments) throws Exception {
        String brokers = arguments[0];
        String group = arguments[1];
        String topic = arguments[2];
        int records = Integer.parseInt(arguments[3]);
        if (group.equals("produce")) {
            produce(brokers, topic, records);
            return;
        }
        ShareRecords run = new ShareRecords(records, arguments[5]);
        List<Thread> members = new ArrayList<>();
        AtomicInteger busy = new AtomicInteger();
        for (int member = 0; member < Integer.parseInt(arguments[4]); member++) {
            Thread thread = new Thread(() -> {
                if (run.read(brokers, group, topic)) {
                    busy.incrementAndGet();
                }
            });
            thread.start();
            members.add(thread);
        }
        for (Thread member : members) {
            member.join();
        }
        for (String problem : run.problems) {
            System.out.println("PROBLEM " + problem);
        }
        run.open.keySet().removeAll(run.done.keySet());
        int known = run.done.size() + run.open.size();
        System.out.println("done " + known + " open " + run.open.size() + " released " + run.released.get()
                + " busy " + busy.get());
        System.exit(run.problems.isEmpty() && known == records ? 0 : 1);
    }

    private static void produce(String brokers, String topic, int records) throws Exception {
        Properties config = new Properties();
        config.put("bootstrap.servers", brokers);
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            for (int number = 0; number < records; number++) {
                producer.send(new ProducerRecord<>(topic, "" + number, "" + number));
                if (number % 20 == 19) {
                    producer.flush();
                }
            }
        }
    }

    /** Reads until all is done. Whether this member has done anything. */
    private boolean read(String brokers, String group, String topic) {
        Properties config = new Properties();
        config.put("bootstrap.servers", brokers);
        config.put("group.id", group);
        config.put("share.acknowledgement.mode", "explicit");
        config.put("max.poll.records", "50");
        int accepted = 0;
        try (KafkaShareConsumer<String, String> consumer =
                new KafkaShareConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            long end = System.nanoTime() + PATIENCE.toNanos();
            while (!isOver() && System.nanoTime() < end) {
                ConsumerRecords<String, String> polled = consumer.poll(Duration.ofMillis(500));
                Map<Integer, String> said = new ConcurrentHashMap<>();
                for (ConsumerRecord<String, String> record : polled) {
                    say(consumer, record, said);
                }
                if (polled.isEmpty()) {
                    continue;
                }
                lastRecord = System.nanoTime();
                if (isSlow) {
                    Thread.sleep(100);
                }
                Map<TopicIdPartition, Optional<KafkaException>> results =
                        consumer.commitSync(Duration.ofSeconds(60));
                boolean isKnown = results.values().stream().noneMatch(Optional::isPresent);
                (isKnown ? done : open).putAll(said);
                if (accepted == 0) {
                    System.out.println("begun");
                }
                accepted += said.size();
            }
        } catch (RuntimeException | InterruptedException problem) {
            synchronized (problems) {
                problems.add(problem.toString());
            }
        }
        return accepted > 0;
    }

    private boolean isOver() {
        if (done.size() == records) {
            return true;
        }
        Set<Integer> known = new HashSet<>(done.keySet());
        known.addAll(open.keySet());
        return known.size() == records && System.nanoTime() - lastRecord > QUIET.toNanos();
    }

    private void say(
            KafkaShareConsumer<String, String> consumer,
            ConsumerRecord<String, String> record,
            Map<Integer, String> said) {
        int number = Integer.parseInt(record.value());
        String before = done.get(number);
        if (before != null) {
            synchronized (problems) {
                problems.add(number + " was " + before + " and is delivered again");
            }
        }
        int count = record.deliveryCount().orElse((short) 0);
        if (isMixed && number % 30 == 2) {
            consumer.acknowledge(record, AcknowledgeType.REJECT);
            said.put(number, "rejected");
        } else if (isMixed && number % 3 == 1 && count == 1) {
            consumer.acknowledge(record, AcknowledgeType.RELEASE);
            released.incrementAndGet();
        } else {
            consumer.acknowledge(record, AcknowledgeType.ACCEPT);
            said.put(number, "accepted");
        }
    }
}
