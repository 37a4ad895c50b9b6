import com.alibaba.fastjson.JSON;
import com.alibaba.fastjson.JSONArray;
import com.alibaba.fastjson.JSONObject;
import com.alibaba.fastjson.serializer.SerializerFeature;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.TreeMap;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** JSON lines on stdout, and the JSON shapes of messages, queues, results and failures. */
final class Lines {
    private static final PrintStream OUT =
        new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);

    private Lines() { }

    static synchronized void print(JSONObject line) {
        OUT.println(JSON.toJSONString(line, SerializerFeature.DisableCircularReferenceDetect));
    }

    static JSONObject event(String event, String name) {
        return new JSONObject(true).fluentPut("event", event).fluentPut("name", name)
            .fluentPut("at", System.currentTimeMillis());
    }

    static JSONObject failure(Throwable thrown) {
        JSONObject row = new JSONObject(true)
            .fluentPut("error", thrown.getClass().getSimpleName())
            .fluentPut("message", String.valueOf(thrown.getMessage()));
        if (thrown instanceof MQBrokerException) {
            row.put("code", ((MQBrokerException) thrown).getResponseCode());
        } else if (thrown instanceof MQClientException) {
            row.put("code", ((MQClientException) thrown).getResponseCode());
        }
        return row;
    }

    static JSONObject sent(Message message, SendResult result) {
        JSONObject row = new JSONObject(true).fluentPut("body", text(message));
        if (result == null) {
            return row.fluentPut("status", "ONEWAY");
        }
        MessageQueue queue = result.getMessageQueue();
        return row.fluentPut("status", result.getSendStatus().name())
            .fluentPut("msgId", result.getMsgId())
            .fluentPut("offsetMsgId", result.getOffsetMsgId())
            .fluentPut("broker", queue == null ? null : queue.getBrokerName())
            .fluentPut("queueId", queue == null ? null : queue.getQueueId())
            .fluentPut("queueOffset", result.getQueueOffset())
            .fluentPut("transactionId", result.getTransactionId());
    }

    static JSONObject message(MessageExt message) {
        return new JSONObject(true)
            .fluentPut("topic", message.getTopic())
            .fluentPut("broker", message.getBrokerName())
            .fluentPut("queueId", message.getQueueId())
            .fluentPut("queueOffset", message.getQueueOffset())
            .fluentPut("commitLogOffset", message.getCommitLogOffset())
            .fluentPut("msgId", message.getMsgId())
            .fluentPut("body", text(message))
            .fluentPut("tags", message.getTags())
            .fluentPut("keys", message.getKeys())
            .fluentPut("flag", message.getFlag())
            .fluentPut("sysFlag", message.getSysFlag())
            .fluentPut("storeSize", message.getStoreSize())
            .fluentPut("reconsumeTimes", message.getReconsumeTimes())
            .fluentPut("bornTimestamp", message.getBornTimestamp())
            .fluentPut("storeTimestamp", message.getStoreTimestamp())
            .fluentPut("bornHost", message.getBornHostString())
            .fluentPut("preparedOffset", message.getPreparedTransactionOffset())
            .fluentPut("properties", new TreeMap<>(message.getProperties()));
    }

    static JSONObject queue(MessageQueue queue) {
        return new JSONObject(true).fluentPut("topic", queue.getTopic())
            .fluentPut("broker", queue.getBrokerName()).fluentPut("queueId", queue.getQueueId());
    }

    static JSONArray queues(Iterable<MessageQueue> queues) {
        JSONArray rows = new JSONArray();
        java.util.TreeSet<MessageQueue> sorted = new java.util.TreeSet<>();
        queues.forEach(sorted::add);
        sorted.forEach(queue -> rows.add(queue(queue)));
        return rows;
    }

    static JSONArray messages(Iterable<? extends MessageExt> messages) {
        JSONArray rows = new JSONArray();
        messages.forEach(message -> rows.add(message(message)));
        return rows;
    }

    static String text(Message message) {
        byte[] body = message.getBody();
        return body == null ? null : new String(body, StandardCharsets.UTF_8);
    }
}
