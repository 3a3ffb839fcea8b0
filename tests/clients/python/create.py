import requests

response = requests.post(
    "https://auth.hokus.ai/api/v1/keys",
    headers={"Authorization": f"Bearer {ADMIN_TOKEN}"},
    json={
        "name": "Production Prediction Key",
        "service_id": "prediction",
        "scopes": ["predict"],
        "environment": "production",
        "rate_limit_per_hour": 5000,
        "expires_in_days": 90,
        "allowed_ips": ["203.0.113.0/24"],
    },
)
data = response.json()
print(f"Key: {data['api_key']}")  # Save this immediately
print(f"Key ID: {data['key_info']['key_id']}")
