# List active prediction keys only
curl "https://auth.hokus.ai/api/v1/keys?service_id=prediction&active_only=true" \
  -H "Authorization: Bearer $ADMIN_TOKEN"
