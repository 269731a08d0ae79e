using System.Diagnostics.CodeAnalysis;
using Aperture.Generation;
using Aperture.Hosting.Chat;
using Aperture.Pipelines;
using Aperture.Requests;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Host.Tests.Hosting;

/// <summary>A pipeline as a chat client: pictures, pieces, usage, options, refusals and cancellation.</summary>
[SuppressMessage("Design", "CA1001", Justification = "The test runner disposes it, asynchronously.")]
public sealed class ChatClientTests : IAsyncLifetime
{
    private readonly HostedShelf _shelf = new();
    private IChatClient _client = null!;

    private static DataContent Photo => new(File.ReadAllBytes(Repository.Path("scripts", "shelf.png")), "image/png");

    public Task InitializeAsync()
    {
        _client = _shelf.Services.GetRequiredKeyedService<IChatClient>("shelf");
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _shelf.DisposeAsync();

    [Fact]
    public async Task An_answer_comes_with_what_it_used()
    {
        ChatResponse response = await _client.GetResponseAsync([Asked()]);

        Answer answer = Assert.IsType<Answer>(response.RawRepresentation);
        Assert.Equal(("purple shirt", ChatFinishReason.Stop, "tiny-llava"), (response.Text, response.FinishReason, response.ModelId));
        Assert.Equal((answer.PromptTokens, answer.Tokens.Count), (response.Usage!.InputTokenCount!.Value, response.Usage.OutputTokenCount!.Value));
        Assert.Equal(144, response.Usage.AdditionalCounts![PipelineChatClient.VisualTokens]);
        Assert.InRange(response.Usage.AdditionalCounts[PipelineChatClient.VisualTokensKept], 55, 65);
        Assert.True(answer.PromptTokens > 144);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_picture_that_is_asked_about_again_is_kept_unless_the_configuration_says_otherwise(bool keeps)
    {
        await using HostedShelf shelf = new(configure: options => options.KeepPrefixes = keeps);
        IChatClient client = shelf.Services.GetRequiredKeyedService<IChatClient>("plain");

        ChatResponse first = await client.GetResponseAsync([Asked()]), again = await client.GetResponseAsync([Asked()]);

        Assert.Equal(first.Text, again.Text);
        Assert.Equal((first.Usage!.InputTokenCount, first.Usage.TotalTokenCount), (again.Usage!.InputTokenCount, again.Usage.TotalTokenCount));
        Assert.Equal(0, first.Usage.CachedInputTokenCount);
        Assert.Equal(keeps, again.Usage.CachedInputTokenCount >= 144);
        Assert.Equal(keeps, ((Answer)again.RawRepresentation!).Flops.Vision == 0);
    }

    [Fact]
    public async Task Pieces_make_the_same_answer_and_the_last_has_the_usage()
    {
        ChatResponse whole = await _client.GetResponseAsync([Asked()]);
        List<ChatResponseUpdate> updates = await _client.GetStreamingResponseAsync([Asked()]).ToListAsync();

        Assert.True(updates.Count(update => update.Text.Length > 0) > 1);
        Assert.Equal(whole.Text, string.Concat(updates.Select(update => update.Text)));
        ChatResponse gathered = updates.ToChatResponse();
        Assert.Equal((whole.FinishReason, whole.Usage!.TotalTokenCount), (gathered.FinishReason, gathered.Usage!.TotalTokenCount));
        Assert.Equal(
            whole.Usage.AdditionalCounts![PipelineChatClient.VisualTokensKept], gathered.Usage.AdditionalCounts![PipelineChatClient.VisualTokensKept]);
    }

    [Fact]
    public async Task A_conversation_is_the_pipelines_own()
    {
        Pipeline pipeline = _client.GetService<Pipeline>()!;
        Aperture.Images.Image photo = Aperture.Images.Image.Load(Repository.Path("scripts", "shelf.png"));
        Answer expected = await pipeline.Ask(
            [Message.User("What is in the top left?", photo), Message.Assistant("purple shirt"), Message.User("And below it?")]);

        ChatResponse response = await _client.GetResponseAsync(
            [
                new ChatMessage(ChatRole.User, [Photo]), new ChatMessage(ChatRole.User, "What is in the top left?"),
                new ChatMessage(ChatRole.Assistant, "purple shirt"), new ChatMessage(ChatRole.User, "And below it?"),
            ]);

        Assert.Equal(expected.Tokens, ((Answer)response.RawRepresentation!).Tokens);
    }

    [Fact]
    public async Task Options_are_taken_or_ignored_and_told()
    {
        ChatResponse one = await _client.GetResponseAsync([Asked()], new ChatOptions { MaxOutputTokens = 1, Temperature = 0, TopK = 1, Seed = 3 });
        ChatResponse stopped = await _client.GetResponseAsync(
            [Asked()], new ChatOptions { StopSequences = ["purple"], FrequencyPenalty = 1, Tools = [AIFunctionFactory.Create(() => 1, "one")] });

        Assert.Equal((1L, ChatFinishReason.Length), (one.Usage!.OutputTokenCount, one.FinishReason));
        Assert.DoesNotContain("shirt", stopped.Text);
        Assert.Contains("Warning: What a request asks for beside what these models do is ignored: FrequencyPenalty, Tools.", _shelf.Log);
    }

    [Fact]
    public async Task What_cannot_be_asked_is_refused_on_a_line()
    {
        Assert.Equal("The conversation has no message; give at least the user's question.", await Refused([]));
        Assert.Equal(
            "A message of the role 'tool' cannot be asked; these models take those of system, user and assistant.",
            await Refused([new ChatMessage(ChatRole.Tool, "1")]));
        Assert.Equal(
            "Content of the type 'audio/wav' cannot be shown; these models take text and pictures (image/…).",
            await Refused([new ChatMessage(ChatRole.User, [new DataContent(new byte[4], "audio/wav")])]));
        Assert.Equal(
            "'https://example.org/a.png' (image/png) cannot be shown; give a picture as DataContent, or the file: address of one.",
            await Refused([new ChatMessage(ChatRole.User, [new UriContent("https://example.org/a.png", "image/png")])]));
    }

    [Fact]
    public async Task Instructions_and_system_messages_stand_in_front_or_are_refused_as_the_template_wants_it()
    {
        string refused = (await Assert.ThrowsAsync<ApertureException>(
            () => _client.GetResponseAsync([Asked()], new ChatOptions { Instructions = "Be short." }))).Message;
        Assert.StartsWith("The template 'llava_hf' has no place for a system message", refused, StringComparison.Ordinal);
        Assert.Equal(refused, await Refused([new ChatMessage(ChatRole.System, "Be short."), Asked()]));
    }

    [Fact]
    public async Task A_file_of_this_machine_is_a_picture()
    {
        UriContent file = new(new Uri(Repository.Path("scripts", "shelf.png")), "image/png");
        ChatMessage asked = new(ChatRole.User, [file, new TextContent("What is in the top left?")]);
        Assert.Equal("purple shirt", (await _client.GetResponseAsync([asked])).Text);
    }

    [Fact]
    public async Task Cancelling_ends_a_request_and_no_other_and_so_does_leaving_its_pieces()
    {
        Pipeline pipeline = _client.GetService<Pipeline>()!;
        GenerationOptions longer = pipeline.Model.Generation with { MinNewTokens = 60, MaxNewTokens = 60 };
        using CancellationTokenSource stop = new();
        Task<Answer> before = pipeline.Ask([Message.User("What is in the top left?")], longer, _ => { }, CancellationToken.None);
        Task<ChatResponse> cancelled = _client.GetResponseAsync([Asked()], null, stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        Assert.Equal(60, (await before).Tokens.Count);

        await foreach (ChatResponseUpdate piece in _client.GetStreamingResponseAsync([Asked()]))
        {
            Assert.NotEqual("", piece.Text);
            break;
        }

        Assert.Equal(0, _shelf.Services.GetRequiredService<EngineSession>().Pending);
    }

    [Fact]
    public void Services_are_those_of_the_client()
    {
        ChatClientMetadata metadata = _client.GetService<ChatClientMetadata>()!;
        Assert.Equal(("aperture", "tiny-llava"), (metadata.ProviderName, metadata.DefaultModelId));
        Assert.Same(_client, _client.GetService<PipelineChatClient>());
        Assert.Null(_client.GetService<string>());
        Assert.Null(_client.GetService(typeof(Pipeline), "other"));
    }

    private static ChatMessage Asked() => new(ChatRole.User, [Photo, new TextContent("What is in the top left?")]);

    private async Task<string> Refused(IEnumerable<ChatMessage> messages)
        => (await Assert.ThrowsAsync<ApertureException>(() => _client.GetResponseAsync(messages))).Message;
}
