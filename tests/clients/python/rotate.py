key_id = "550e8400-e29b-41d4-a716-446655440000"
response = requests.post(
    f"https://auth.hokus.ai/api/v1/keys/{key_id}/rotate",
    headers={"Authorization": f"Bearer {ADMIN_TOKEN}"},
)
new_key = response.json()
print(f"New key: {new_key['api_key']}")  # Save immediately
print(f"New key ID: {new_key['key_info']['key_id']}")
