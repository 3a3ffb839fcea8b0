key_id = "550e8400-e29b-41d4-a716-446655440000"
response = requests.get(
    f"https://auth.hokus.ai/api/v1/keys/{key_id}",
    headers={"Authorization": f"Bearer {ADMIN_TOKEN}"},
)
key = response.json()
