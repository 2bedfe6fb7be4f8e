import json
import urllib.request

request = urllib.request.Request(
    "https://STATFLOW/v1/stats",
    data=json.dumps(
        {
            "stats": [
                {"stat": "signups", "count": 1},
                {"stat": "latency", "value": 42},
            ]
        }
    ).encode(),
    headers={"Authorization": "Bearer sk_live_YOUR_KEY", "Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=10) as answer:
    print(json.load(answer))
