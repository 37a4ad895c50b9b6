import com.alibaba.fastjson.JSONObject;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;

/** The lite pull consumer: subscribed or assigned, polled, sought, committed by its caller. */
final class LitePullRole implements Peer.Role {
    private final DefaultLitePullConsumer consumer;

    LitePullRole(JSONObject given) throws Exception {
        consumer = new DefaultLitePullConsumer(given.getString("group"), Peer.hook(given));
        Peer.configure(consumer, given);
        consumer.setEnableMsgTrace(given.getBooleanValue("trace"));
        consumer.setAutoCommit(given.getBooleanValue("autoCommit"));
        consumer.setConsumeFromWhere(ConsumeFromWhere.valueOf(given.getString("fromWhere")));
        consumer.setAllocateMessageQueueStrategy(PushRole.strategy(given.getString("strategy")));
        if (given.containsKey("pullBatch")) {
            consumer.setPullBatchSize(given.getIntValue("pullBatch"));
        }
        JSONObject subscriptions = given.getJSONObject("subscriptions");
        for (Map.Entry<String, Object> topic : subscriptions.entrySet()) {
            consumer.subscribe(topic.getKey(), topic.getValue().toString());
        }
        consumer.start();
    }

    @Override
    public Object call(String op, JSONObject given) throws Exception {
        switch (op) {
            case "poll": return Lines.messages(consumer.poll(given.getLongValue("waitMillis")));
            case "commit": consumer.commitSync(); return null;
            case "queues": return Lines.queues(
                consumer.fetchMessageQueues(given.getString("topic")));
            case "assign": consumer.assign(List.of(PullRole.queue(given))); return null;
            case "seek":
                consumer.seek(PullRole.queue(given), given.getLongValue("offset"));
                return null;
            case "seekToBegin": consumer.seekToBegin(PullRole.queue(given)); return null;
            case "seekToEnd": consumer.seekToEnd(PullRole.queue(given)); return null;
            case "committed": return consumer.committed(PullRole.queue(given));
            default: throw new IllegalArgumentException("a lite pull consumer has no " + op);
        }
    }

    @Override
    public void shutdown() {
        consumer.shutdown();
    }
}
