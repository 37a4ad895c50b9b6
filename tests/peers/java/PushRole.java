import com.alibaba.fastjson.JSONObject;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.consumer.AllocateMessageQueueStrategy;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyContext;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyContext;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragelyByCircle;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueConsistentHash;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.protocol.heartbeat.MessageModel;

/** A push consumer that prints each message, works, and fails the first attempts on request. */
final class PushRole implements Peer.Role {
    private static final int REPLY_TIMEOUT_MILLIS = 3000;

    private final String name;
    private final JSONObject given;
    private final DefaultMQPushConsumer consumer;
    private DefaultMQProducer replier;

    PushRole(String name, JSONObject given) throws Exception {
        this.name = name;
        this.given = given;
        consumer = new DefaultMQPushConsumer(given.getString("group"), Peer.hook(given),
            strategy(given.getString("strategy")), given.getBooleanValue("trace"), null);
        Peer.configure(consumer, given);
        tune();
        for (Map.Entry<String, Object> topic : given.getJSONObject("subscriptions").entrySet()) {
            subscribe(topic.getKey(), topic.getValue().toString());
        }
        if (given.getBooleanValue("orderly")) {
            consumer.registerMessageListener((MessageListenerOrderly) this::orderly);
        } else {
            consumer.registerMessageListener((MessageListenerConcurrently) this::concurrently);
        }
        if (given.getBooleanValue("reply")) {
            startReplier();
        }
        consumer.start();
    }

    private void startReplier() throws Exception {
        replier = new DefaultMQProducer(given.getString("group") + "_REPLIER", Peer.hook(given));
        Peer.configure(replier, given);
        replier.start();
    }

    private void tune() {
        consumer.setConsumeFromWhere(ConsumeFromWhere.valueOf(given.getString("fromWhere")));
        if (given.getBooleanValue("broadcast")) {
            consumer.setMessageModel(MessageModel.BROADCASTING);
        }
        if (given.containsKey("fromTimestamp")) {
            consumer.setConsumeTimestamp(given.getString("fromTimestamp"));
        }
        if (given.containsKey("maxReconsumeTimes")) {
            consumer.setMaxReconsumeTimes(given.getIntValue("maxReconsumeTimes"));
        }
        if (given.containsKey("consumeBatch")) {
            consumer.setConsumeMessageBatchMaxSize(given.getIntValue("consumeBatch"));
        }
        if (given.containsKey("pullBatch")) {
            consumer.setPullBatchSize(given.getIntValue("pullBatch"));
        }
        if (given.containsKey("threads")) {
            consumer.setConsumeThreadMin(given.getIntValue("threads"));
            consumer.setConsumeThreadMax(given.getIntValue("threads"));
        }
        if (given.containsKey("suspendMillis")) {
            consumer.setSuspendCurrentQueueTimeMillis(given.getLongValue("suspendMillis"));
        }
    }

    private void subscribe(String topic, String expression) throws Exception {
        if (given.getBooleanValue("sql")) {
            consumer.subscribe(topic, MessageSelector.bySql(expression));
        } else {
            consumer.subscribe(topic, expression);
        }
    }

    static AllocateMessageQueueStrategy strategy(String word) {
        switch (word == null ? "average" : word) {
            case "average": return new AllocateMessageQueueAveragely();
            case "circle": return new AllocateMessageQueueAveragelyByCircle();
            case "hash": return new AllocateMessageQueueConsistentHash();
            default: throw new IllegalArgumentException("unknown strategy " + word);
        }
    }

    private ConsumeConcurrentlyStatus concurrently(
            List<MessageExt> messages, ConsumeConcurrentlyContext context) {
        if (given.containsKey("retryLevel")) {
            context.setDelayLevelWhenNextConsume(given.getIntValue("retryLevel"));
        }
        return consumed(messages) ? ConsumeConcurrentlyStatus.CONSUME_SUCCESS
            : wish(ConsumeConcurrentlyStatus.RECONSUME_LATER);
    }

    private ConsumeOrderlyStatus orderly(
            List<MessageExt> messages, ConsumeOrderlyContext context) {
        return consumed(messages) ? ConsumeOrderlyStatus.SUCCESS
            : wish(ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT);
    }

    private <T> T wish(T later) {
        String how = given.getString("failHow");
        if ("throw".equals(how)) {
            throw new IllegalStateException("the listener was asked to fail");
        }
        return "null".equals(how) ? null : later;
    }

    private boolean consumed(List<MessageExt> messages) {
        boolean success = true;
        for (MessageExt message : messages) {
            boolean fails = fails(message);
            success &= !fails;
            Lines.print(Lines.event("message", name).fluentPut("ok", !fails)
                .fluentPut("thread", Thread.currentThread().getName())
                .fluentPut("message", Lines.message(message)));
            work(message);
        }
        return success;
    }

    private boolean fails(MessageExt message) {
        List<Object> keys = given.getJSONArray("failKeys");
        boolean chosen = keys == null || keys.contains(message.getKeys());
        return chosen && message.getReconsumeTimes() < given.getIntValue("failFirst");
    }

    private void work(MessageExt message) {
        try {
            Thread.sleep(given.getLongValue("workMillis"));
            if (replier != null) {
                byte[] body = ("re: " + Lines.text(message)).getBytes(StandardCharsets.UTF_8);
                Message reply = MessageUtil.createReplyMessage(message, body);
                replier.send(reply, REPLY_TIMEOUT_MILLIS);
            }
        } catch (Exception thrown) {
            Lines.print(Lines.event("failed", name).fluentPut("failure", Lines.failure(thrown)));
        }
    }

    @Override
    public Object call(String op, JSONObject command) throws Exception {
        switch (op) {
            case "suspend": consumer.suspend(); return name;
            case "resume": consumer.resume(); return name;
            case "subscribe":
                subscribe(command.getString("topic"), command.getString("expression"));
                return name;
            case "unsubscribe": consumer.unsubscribe(command.getString("topic")); return name;
            case "allocated": return allocated(command.getString("topic"));
            default: throw new IllegalArgumentException("a push consumer has no " + op);
        }
    }

    private Object allocated(String topic) {
        var queues = new java.util.ArrayList<>(consumer.getDefaultMQPushConsumerImpl()
            .getRebalanceImpl().getProcessQueueTable().keySet());
        queues.removeIf(queue -> !queue.getTopic().equals(topic));
        return Lines.queues(queues);
    }

    @Override
    public void shutdown() {
        // What a listener has begun is counted before the last offsets leave.
        consumer.setAwaitTerminationMillisWhenShutdown(5_000);
        consumer.shutdown();
        if (replier != null) {
            replier.shutdown();
        }
    }
}
