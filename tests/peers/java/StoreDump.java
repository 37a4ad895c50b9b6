import com.alibaba.fastjson.JSON;
import com.alibaba.fastjson.JSONObject;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentMap;
import org.apache.rocketmq.common.BrokerConfig;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.store.ConsumeQueue;
import org.apache.rocketmq.store.DefaultMessageStore;
import org.apache.rocketmq.store.SelectMappedBufferResult;
import org.apache.rocketmq.store.config.MessageStoreConfig;
import org.apache.rocketmq.store.stats.BrokerStatsManager;

/** Loads a store folder as a broker would (recovery included) and prints each queue's messages. */
public final class StoreDump {
    private StoreDump() { }

    /** Arguments: folder, commit log file size, consume queue file size, index slots, index items. */
    public static void main(String[] args) throws Exception {
        MessageStoreConfig config = new MessageStoreConfig();
        config.setStorePathRootDir(args[0]);
        config.setStorePathCommitLog(args[0] + "/commitlog");
        config.setMappedFileSizeCommitLog(Integer.parseInt(args[1]));
        config.setMappedFileSizeConsumeQueue(Integer.parseInt(args[2]));
        config.setMaxHashSlotNum(Integer.parseInt(args[3]));
        config.setMaxIndexNum(Integer.parseInt(args[4]));
        config.setHaListenPort(0);
        DefaultMessageStore store = new DefaultMessageStore(config,
            new BrokerStatsManager("dump", true), null, new BrokerConfig());
        boolean loaded = store.load();
        for (ConcurrentMap<Integer, ConsumeQueue> queues : store.getConsumeQueueTable().values()) {
            for (ConsumeQueue queue : new TreeMap<>(queues).values()) {
                print(store, queue);
            }
        }
        print(new JSONObject(true).fluentPut("store", args[0]).fluentPut("loaded", loaded)
            .fluentPut("minOffset", store.getMinPhyOffset())
            .fluentPut("maxOffset", store.getMaxPhyOffset()));
        Runtime.getRuntime().halt(0);
    }

    private static void print(DefaultMessageStore store, ConsumeQueue queue) {
        long end = queue.getMaxOffsetInQueue();
        for (long at = queue.getMinOffsetInQueue(); at < end; at++) {
            SelectMappedBufferResult unit = queue.getIndexBuffer(at);
            long offset = unit.getByteBuffer().getLong();
            int size = unit.getByteBuffer().getInt();
            long tagsCode = unit.getByteBuffer().getLong();
            unit.release();
            JSONObject row = new JSONObject(true).fluentPut("topic", queue.getTopic())
                .fluentPut("queueId", queue.getQueueId()).fluentPut("queueOffset", at)
                .fluentPut("commitLogOffset", offset).fluentPut("size", size)
                .fluentPut("tagsCode", tagsCode);
            print(row.fluentPut("message", message(store.lookMessageByOffset(offset, size))));
        }
    }

    private static JSONObject message(MessageExt message) {
        if (message == null) {
            return null;
        }
        Map<String, String> properties = new TreeMap<>(message.getProperties());
        return new JSONObject(true).fluentPut("topic", message.getTopic())
            .fluentPut("queueId", message.getQueueId())
            .fluentPut("queueOffset", message.getQueueOffset())
            .fluentPut("msgId", message.getMsgId())
            .fluentPut("body", new String(message.getBody(), StandardCharsets.UTF_8))
            .fluentPut("bodyCrc", message.getBodyCRC())
            .fluentPut("sysFlag", message.getSysFlag())
            .fluentPut("reconsumeTimes", message.getReconsumeTimes())
            .fluentPut("properties", properties);
    }

    private static void print(JSONObject line) {
        System.out.println(JSON.toJSONString(line));
    }
}
