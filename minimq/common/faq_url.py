"""The sentence with which RocketMQ ends some of its remarks.

Java:    common.help.FAQUrl
"""

SUGGEST_TODO = "\nSee http://rocketmq.apache.org/docs/faq/ for further details."
"""Java: FAQUrl.suggestTodo; clients print remarks as they are."""
