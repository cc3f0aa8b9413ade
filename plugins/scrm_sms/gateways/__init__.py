"""Gateways (短信网关): ways to send, and what they call back with.

``declared``     the senders and how each gateway is made from the settings
``schemas``      the settings
``calls``        HTTP calls with deadlines; what a call that failed leaves known
``outcomes``     tables: what an answer of each platform means for the message
``console`` ``kannel`` ``aliyun`` ``tencent`` ``twilio``  the gateways
``signing``      the platforms' signatures
``reports``      what platforms call back with, read into receipts and replies
``callbacks``    the public routes for them
``inbound``      what a reply does
``reconciling``  asking a platform what nobody knows, and pulling what it keeps
"""
