"""``parrotlet serve``: one engine behind two protocols, OpenAI's speech API over HTTP and Wyoming.

Needs the extra ``parrotlet[serve]``.
"""
