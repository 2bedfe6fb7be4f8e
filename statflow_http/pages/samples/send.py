import json
import urllib.request


def send(point):
    request = urllib.request.Request(
        "https://STATFLOW/v1/stat",
        data=json.dumps(point).encode(),
        headers={
            "Authorization": "Bearer sk_live_YOUR_KEY",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


print(send({"stat": "page views", "count": 1}))
print(send({"stat": "response time", "value": 42.5}))
