import json
import urllib.parse
import urllib.request

name = urllib.parse.quote("page views")
request = urllib.request.Request(
    f"https://STATFLOW/v1/stat/{name}?step=1h",
    headers={"Authorization": "Bearer sk_live_YOUR_KEY"},
)
with urllib.request.urlopen(request, timeout=10) as answer:
    stat = json.load(answer)
for point in stat["points"]:
    print(point["time"], point["value"], point["count"])
