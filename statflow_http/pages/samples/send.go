package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

func postMetric(stat string, count int, value float64) error {
	body, _ := json.Marshal(map[string]any{
		"stat": stat, "count": count, "value": value,
	})
	req, _ := http.NewRequest("POST",
		"https://STATFLOW/v1/stat", bytes.NewReader(body))
	req.Header.Set("Authorization", "Bearer sk_live_YOUR_KEY")
	req.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("not stored: %s", answer.Status)
	}
	return nil
}

func main() {
	fmt.Println(postMetric("page views", 1, 0))
	fmt.Println(postMetric("response time", 0, 42.5))
}
