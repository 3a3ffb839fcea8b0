curl -X POST https://auth.hokus.ai/api/v1/keys \
  -H "Authorization: Bearer $ADMIN_TOKEN" \
  -H "Content-Type: application/json" \
  -d '{
    "name": "Production Prediction Key",
    "service_id": "prediction",
    "scopes": ["predict"],
    "environment": "production",
    "rate_limit_per_hour": 5000,
    "expires_in_days": 90,
    "allowed_ips": ["203.0.113.0/24"]
  }'
