response = requests.get(
    "https://auth.hokus.ai/api/v1/keys",
    headers={"Authorization": f"Bearer {ADMIN_TOKEN}"},
    params={"service_id": "prediction", "active_only": True},
)
keys = response.json()
for key in keys:
    print(f"{key['name']}: {key['key_prefix']} (active={key['is_active']})")
