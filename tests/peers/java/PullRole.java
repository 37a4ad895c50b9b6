import com.alibaba.fastjson.JSONObject;
import org.apache.rocketmq.client.QueryResult;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.common.message.MessageQueue;

/** The pull consumer that leaves queues and offsets to its caller, with the look-ups it offers. */
final class PullRole implements Peer.Role {
    private final DefaultMQPullConsumer consumer;

    PullRole(JSONObject given) throws Exception {
        consumer = new DefaultMQPullConsumer(given.getString("group"), Peer.hook(given));
        Peer.configure(consumer, given);
        consumer.start();
    }

    @Override
    public Object call(String op, JSONObject given) throws Exception {
        switch (op) {
            case "queues": return Lines.queues(
                consumer.fetchSubscribeMessageQueues(given.getString("topic")));
            case "view": return Lines.message(
                consumer.viewMessage(given.getString("topic"), given.getString("msgId")));
            case "query": return query(given);
            default: return onQueue(op, queue(given), given);
        }
    }

    private Object onQueue(String op, MessageQueue queue, JSONObject given) throws Exception {
        switch (op) {
            case "pull": return pull(queue, given);
            case "maxOffset": return consumer.maxOffset(queue);
            case "minOffset": return consumer.minOffset(queue);
            case "searchOffset":
                return consumer.searchOffset(queue, given.getLongValue("timestamp"));
            case "earliest": return consumer.earliestMsgStoreTime(queue);
            case "offset": return consumer.fetchConsumeOffset(queue, true);
            case "updateOffset":
                consumer.updateConsumeOffset(queue, given.getLongValue("offset"));
                consumer.getOffsetStore().persist(queue);
                return given.getLongValue("offset");
            default: throw new IllegalArgumentException("a pull consumer has no " + op);
        }
    }

    private JSONObject pull(MessageQueue queue, JSONObject given) throws Exception {
        String expression = given.getString("expression");
        long offset = given.getLongValue("offset");
        int max = given.getIntValue("max");
        PullResult result = given.getBooleanValue("block")
            ? consumer.pullBlockIfNotFound(queue, expression, offset, max)
            : consumer.pull(queue, expression, offset, max);
        return new JSONObject(true).fluentPut("status", result.getPullStatus().name())
            .fluentPut("nextBeginOffset", result.getNextBeginOffset())
            .fluentPut("minOffset", result.getMinOffset())
            .fluentPut("maxOffset", result.getMaxOffset())
            .fluentPut("messages", result.getMsgFoundList() == null ? null
                : Lines.messages(result.getMsgFoundList()));
    }

    private Object query(JSONObject given) throws Exception {
        QueryResult found = consumer.queryMessage(given.getString("topic"),
            given.getString("key"), given.getIntValue("max"),
            given.getLongValue("begin"), given.getLongValue("end"));
        return Lines.messages(found.getMessageList());
    }

    static MessageQueue queue(JSONObject given) {
        return new MessageQueue(given.getString("topic"), given.getString("broker"),
            given.getIntValue("queueId"));
    }

    @Override
    public void shutdown() {
        consumer.shutdown();
    }
}
