//! The fixtures around the server: what is none of theirs is passed on.

use std::sync::Arc;
use std::time::Duration;

use bailiwick::mcp::Mcp;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientResult, CompleteRequestParams,
    CompleteResult, CompletionInfo, ContentBlock, CreateMessageRequestParams, ElicitRequest, GetPromptRequestParams,
    GetPromptResponse, GetPromptResult, InitializeRequestParams, InitializeResult, InputRequest, InputRequests,
    InputRequiredResult, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
    LoggingLevel, LoggingMessageNotificationParam, PaginatedRequestParams, ProgressNotificationParam, PromptMessage,
    ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Reference, Role, SamplingMessage,
    ServerCapabilities, ServerConfig, ServerRequest, SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter,
    Tool, UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, SubscriptionContext, SubscriptionSink};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{answers, asking};

const PAUSE: Duration = Duration::from_millis(50);

/// The server with the fixtures around it.
#[derive(Clone)]
pub(crate) struct Fixtures {
    mcp: Mcp,
    subscriptions: Arc<Mutex<Vec<SubscriptionSink>>>,
}

impl Fixtures {
    pub(crate) fn around(mcp: Mcp) -> Self {
        Self { mcp, subscriptions: Arc::default() }
    }

    /// A tool that speaks to the client while it runs; `None` where the name is not one of a fixture.
    async fn speak(
        &self,
        request: &CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<Option<CallToolResult>, ErrorData> {
        let argument = |name: &str| {
            let arguments = request.arguments.as_ref();
            arguments.and_then(|arguments| arguments.get(name)?.as_str()).unwrap_or_default().to_owned()
        };
        let text = match &*request.name {
            "test_tool_with_logging" => {
                for text in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
                    log(context, LoggingLevel::Info, text).await?;
                    tokio::time::sleep(PAUSE).await;
                }
                "Logged".to_owned()
            }
            "test_logging_tool" => {
                if let Some(level) = context.meta.log_level() {
                    log(context, level, "The request says so").await?;
                }
                "Logged where the request says so".to_owned()
            }
            "test_tool_with_progress" => {
                for done in [0.0, 50.0, 100.0] {
                    if let Some(token) = context.meta.get_progress_token() {
                        let progress = ProgressNotificationParam::new(token, done).with_total(100.0);
                        context.peer.notify_progress(progress).await.map_err(gone)?;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                "Done".to_owned()
            }
            "test_reconnection" => {
                tokio::time::sleep(PAUSE).await;
                "Reconnected".to_owned()
            }
            "test_custom_header" => argument("value"),
            "test_sampling" => {
                let asked = SamplingMessage::user_text(argument("prompt"));
                let answer = context.peer.create_message(CreateMessageRequestParams::new(vec![asked], 100)).await;
                let said = answer.map_err(gone)?.message.content;
                let text = said.first().and_then(|content| content.as_text()).map_or("", |text| &text.text);
                format!("LLM response: {text}")
            }
            name @ ("test_elicitation" | "test_elicitation_sep1034_defaults" | "test_elicitation_sep1330_enums") => {
                let form = asking::form_of(&argument("message"), &answers::asked(name))?;
                let request = ServerRequest::ElicitRequest(ElicitRequest::new(form));
                let answer = context.peer.send_request(request).await.map_err(gone)?;
                let ClientResult::ElicitResult(answer) = answer else { return Err(gone(format!("{answer:?}"))) };
                let action = format!("{:?}", answer.action).to_lowercase();
                format!("User response: action={action}, content={}", json!(answer.content))
            }
            "test_trigger_tool_change" => {
                for subscription in self.subscriptions.lock().await.iter() {
                    // One that has ended, or did not ask for it, is told nothing.
                    drop(subscription.notify_tool_list_changed().await);
                }
                "Told".to_owned()
            }
            "test_trigger_prompt_change" => {
                for subscription in self.subscriptions.lock().await.iter() {
                    drop(subscription.notify_prompt_list_changed().await);
                }
                "Told".to_owned()
            }
            _ => return Ok(None),
        };
        Ok(Some(CallToolResult::success(vec![ContentBlock::text(text)])))
    }
}

fn gone(error: impl std::fmt::Display) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

async fn log(context: &RequestContext<RoleServer>, level: LoggingLevel, text: &str) -> Result<(), ErrorData> {
    let message = LoggingMessageNotificationParam::new(level, json!(text)).with_logger("conformance");
    context.peer.notify_logging_message(message).await.map_err(gone)
}

fn is_first(page: Option<&PaginatedRequestParams>) -> bool {
    page.is_none_or(|page| page.cursor.is_none())
}

impl ServerHandler for Fixtures {
    fn get_tool(&self, name: &str) -> Option<Tool> {
        (name == "test_custom_header").then(answers::with_header)
    }

    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_resources_list_changed()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_completions()
            .enable_logging()
            .build();
        let mut info = self.mcp.get_info();
        info.capabilities = capabilities;
        info
    }

    async fn initialize(
        &self,
        hello: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        let mut answer = self.mcp.initialize(hello, context).await?;
        answer.capabilities = self.get_info().capabilities;
        Ok(answer)
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        self.mcp.accepted_subscription_filter(requested)
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        self.subscriptions.lock().await.push(subscription.sink().clone());
        self.mcp.listen(subscription).await
    }

    async fn list_tools(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut list = self.mcp.list_tools(page, context).await?;
        list.tools.extend(answers::tools());
        Ok(list)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Some(answer) = answers::fixed(&request.name) {
            return Ok(answer.into());
        }
        let capabilities = context.meta.client_capabilities().unwrap_or_default();
        if request.name.starts_with(asking::PREFIX) {
            return asking::call(&request, &capabilities);
        }
        match &*request.name {
            "test_missing_capability" if capabilities.sampling.is_none() => {
                let needed = ClientCapabilities::builder().enable_sampling().build();
                return Err(ErrorData::missing_required_client_capability(needed));
            }
            "test_missing_capability" => {
                return Ok(CallToolResult::success(vec![ContentBlock::text("The client can sample")]).into());
            }
            "test_streaming_elicitation" => {
                let form = asking::form("Provide a value", "value", "string")?;
                let request = InputRequest::Elicitation(ElicitRequest::new(form));
                let requests = InputRequests::from_iter([("streaming_elicitation".to_owned(), request)]);
                return Ok(InputRequiredResult::from_input_requests(requests).into());
            }
            _ => {}
        }
        match self.speak(&request, &context).await? {
            Some(answer) => Ok(answer.into()),
            None => self.mcp.call_tool(request, context).await,
        }
    }

    async fn list_resources(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let first = is_first(page.as_ref());
        let mut list = Box::pin(self.mcp.list_resources(page, context)).await?;
        if first {
            list.resources.extend(answers::resources());
        }
        Ok(list)
    }

    async fn list_resource_templates(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let mut list = self.mcp.list_resource_templates(page, context).await?;
        list.resource_templates.push(answers::template());
        Ok(list)
    }

    async fn read_resource(
        &self,
        read: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        match answers::contents(&read.uri) {
            Some(contents) => Ok(ReadResourceResult::new(vec![contents]).into()),
            None => Box::pin(self.mcp.read_resource(read, context)).await,
        }
    }

    async fn subscribe(
        &self,
        subscribe: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if subscribe.uri == answers::WATCHED { Ok(()) } else { self.mcp.subscribe(subscribe, context).await }
    }

    async fn unsubscribe(
        &self,
        unsubscribe: UnsubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if unsubscribe.uri == answers::WATCHED { Ok(()) } else { self.mcp.unsubscribe(unsubscribe, context).await }
    }

    async fn list_prompts(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let mut list = self.mcp.list_prompts(page, context).await?;
        list.prompts.extend(answers::prompts());
        Ok(list)
    }

    async fn get_prompt(
        &self,
        get: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        if get.name == "test_input_required_result_prompt" {
            let Some(answer) = asking::answer(get.input_responses.as_ref(), "user_context") else {
                let form = asking::form("What context should the prompt use?", "context", "string")?;
                let request = InputRequest::Elicitation(ElicitRequest::new(form));
                let requests = InputRequests::from_iter([("user_context".to_owned(), request)]);
                return Ok(InputRequiredResult::from_input_requests(requests).into());
            };
            let text = format!("Prompt with elicited context: {}", asking::content(answer, "context"));
            return Ok(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]).into());
        }
        match answers::prompt(&get.name, get.arguments.as_ref().unwrap_or(&serde_json::Map::<String, Value>::new())) {
            Some(prompt) => Ok(prompt.into()),
            None => self.mcp.get_prompt(get, context).await,
        }
    }

    async fn complete(
        &self,
        asked: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        if let Reference::Prompt(prompt) = &asked.r#ref
            && answers::prompts().iter().any(|known| known.name == prompt.name)
        {
            let values = vec!["test value".to_owned()];
            return CompletionInfo::with_all_values(values).map(CompleteResult::new).map_err(gone);
        }
        Box::pin(self.mcp.complete(asked, context)).await
    }

    async fn set_level(&self, _: SetLevelRequestParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        Ok(())
    }
}
