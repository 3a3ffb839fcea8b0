response = requests.delete(
    f"https://auth.hokus.ai/api/v1/keys/{key_id}",
    headers={"Authorization": f"Bearer {ADMIN_TOKEN}"},
)
print(response.json())  # {"message": "API key revoked successfully"}
