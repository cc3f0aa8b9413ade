"""The client of WeCom's server API (企业微信服务端 API).

``codes``    what error codes mean, and what to do
``limits``   rate limits as dated data; counting, and leaving an API alone
``tokens``   the access token that all processes share
``calls``    one call: token, limits, repetitions where they are safe
``answers``  what answers contain, as values
``api``      the calls that the plugin makes
"""
