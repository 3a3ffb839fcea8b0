const response = await fetch("https://auth.hokus.ai/api/v1/keys", {
  method: "POST",
  headers: {
    Authorization: `Bearer ${ADMIN_TOKEN}`,
    "Content-Type": "application/json",
  },
  body: JSON.stringify({
    name: "Production Prediction Key",
    service_id: "prediction",
    scopes: ["predict"],
    environment: "production",
    rate_limit_per_hour: 5000,
  }),
});
const data = await response.json();
console.log(`Key: ${data.api_key}`);
