import statflow_engine

with statflow_engine.open("data") as engine:
    engine.count("page views")
    engine.value("response time", 42.5)
    window = engine.query("page views", step="1h")
    print(window.times_s, window.sums)
