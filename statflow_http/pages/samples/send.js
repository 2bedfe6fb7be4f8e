async function send(point) {
  const answer = await fetch("https://STATFLOW/v1/stat", {
    method: "POST",
    headers: {
      "Authorization": "Bearer sk_live_YOUR_KEY",
      "Content-Type": "application/json",
    },
    body: JSON.stringify(point),
  });
  return answer.json();
}

send({ stat: "page views", count: 1 }).then(console.log);
send({ stat: "response time", value: 42.5 }).then(console.log);
