const name = encodeURIComponent("page views");
fetch(`https://STATFLOW/v1/stat/${name}?step=1h`, {
  headers: { "Authorization": "Bearer sk_live_YOUR_KEY" },
}).then(answer => answer.json()).then(stat => {
  for (const point of stat.points) console.log(point.time, point.value, point.count);
});
