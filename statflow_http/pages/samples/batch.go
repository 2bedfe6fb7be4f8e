package main

import (
	"fmt"
	"net/http"
	"strings"
)

func main() {
	body := strings.NewReader(`{"stats": [
		{"stat": "signups", "count": 1},
		{"stat": "latency", "value": 42}
	]}`)
	req, _ := http.NewRequest("POST", "https://STATFLOW/v1/stats", body)
	req.Header.Set("Authorization", "Bearer sk_live_YOUR_KEY")
	req.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	fmt.Println(answer.Status)
}
