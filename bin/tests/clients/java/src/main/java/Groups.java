import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Two members of a group share a topic, one leaves, and a third goes on where they were. */
final class Groups {
    private static final int RECORDS = 1000;

    private Groups() {}

    private static KafkaConsumer<String, String> member(
            String group, String topic, String protocol) {
        Properties settings = Clients.settings();
        settings.put("group.protocol", protocol);
        settings.put("group.id", group);
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        settings.put("fetch.max.wait.ms", "20");
        StringDeserializer text = new StringDeserializer();
        KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings, text, text);
        consumer.subscribe(List.of(topic));
        return consumer;
    }

    private static int poll(KafkaConsumer<String, String> member, Set<Long> numbers) {
        int count = 0;
        for (ConsumerRecord<String, String> record : member.poll(Duration.ofMillis(50))) {
            numbers.add(record.timestamp());
            count++;
        }
        return count;
    }

    private static long positions(List<KafkaConsumer<String, String>> members) {
        return members.stream()
            .mapToLong(one -> one.assignment().stream().mapToLong(one::position).sum()).sum();
    }

    /** Polls until the member has every partition, without reading anything again. */
    private static void takeOver(KafkaConsumer<String, String> member, long until) {
        while (member.assignment().size() < Clients.PARTITIONS) {
            Clients.check(System.nanoTime() < until, "partitions are not taken over");
            int count = poll(member, new HashSet<>());
            Clients.check(count == 0, "what was committed comes again");
        }
    }

    static void run(Admin admin, String topic, String protocol) throws Exception {
        String group = topic + "." + protocol;
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        Set<Long> numbers = new HashSet<>();
        List<KafkaConsumer<String, String>> members = new ArrayList<>();
        members.add(member(group, topic, protocol));
        members.add(member(group, topic, protocol));
        boolean isShared = false;
        // One that came later may have to read on where the other was when it came.
        while (numbers.size() < RECORDS || !isShared || positions(members) < RECORDS) {
            Clients.check(System.nanoTime() < until, "two members do not read all of it");
            for (KafkaConsumer<String, String> member : members) {
                poll(member, numbers);
            }
            isShared = members.stream().allMatch(one -> one.assignment().size() == 2);
        }
        for (KafkaConsumer<String, String> member : members) {
            member.commitSync();
        }
        members.get(1).close();
        takeOver(members.get(0), until);
        members.get(0).close();
        try (KafkaConsumer<String, String> third = member(group, topic, protocol)) {
            takeOver(third, until);
            long sum = third.committed(third.assignment()).values().stream()
                .mapToLong(offset -> offset.offset()).sum();
            Clients.check(sum == RECORDS, sum + " are committed");
        }
        var description = admin.describeConsumerGroups(List.of(group)).all().get(20, TimeUnit.SECONDS);
        Clients.check(description.get(group).members().isEmpty(), "everybody has left");
        var listed = admin.listConsumerGroups().all().get(20, TimeUnit.SECONDS).stream();
        Clients.check(listed.anyMatch(one -> one.groupId().equals(group)), "it is listed");
        admin.deleteConsumerGroups(List.of(group)).all().get(20, TimeUnit.SECONDS);
    }
}
