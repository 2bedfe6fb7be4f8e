package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

type Stat struct {
	Kind   string
	Points []struct {
		Time  int64
		Value *float64
		Count int64
	}
}

func main() {
	path := "https://STATFLOW/v1/stat/" + url.PathEscape("page views") + "?step=1h"
	req, _ := http.NewRequest("GET", path, nil)
	req.Header.Set("Authorization", "Bearer sk_live_YOUR_KEY")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	var stat Stat
	if err := json.NewDecoder(answer.Body).Decode(&stat); err != nil {
		panic(err)
	}
	for _, point := range stat.Points {
		if point.Value != nil {
			fmt.Println(point.Time, *point.Value, point.Count)
		}
	}
}
