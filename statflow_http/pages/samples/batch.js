fetch("https://STATFLOW/v1/stats", {
  method: "POST",
  headers: {
    "Authorization": "Bearer sk_live_YOUR_KEY",
    "Content-Type": "application/json",
  },
  body: JSON.stringify({
    stats: [
      { stat: "signups", count: 1 },
      { stat: "latency", value: 42 },
    ],
  }),
}).then(answer => answer.json()).then(console.log);
