"""What is sent to people (触达): runs of messages, policy, the claim before each send, receipts."""
