using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Aperture.Text;

namespace Aperture.Golden.Tests.Text;

/// <summary>Templates, prompts, ids with image places. Ids are compared where the vocabulary is at hand.</summary>
public partial class PromptsRunner : IGoldenRunner
{
    public virtual string Area => "text";

    public string Kind => "prompts";

    public void Run(GoldenCase golden)
    {
        TextFailures failures = new();
        if (golden.Meta.TryGetProperty("templates", out JsonElement repositories))
        {
            foreach (JsonProperty template in repositories.EnumerateObject().SelectMany(repository => repository.Value.EnumerateObject()))
            {
                CompareTemplate(failures, PromptTemplates.Get(template.Name), template.Value);
            }
        }

        Dictionary<string, ITokenizer?> tokenizers = new()
        {
            ["ids_llama2"] = PublishedTokenizers.Llama2(golden, legacy: false),
            ["ids_llama2_legacy"] = PublishedTokenizers.Llama2(golden, legacy: true),
            ["ids_nonlegacy"] = PublishedTokenizers.Llama2(golden, legacy: false),
            ["ids_legacy"] = PublishedTokenizers.Llama2(golden, legacy: true),
            ["ids_phi2"] = PublishedTokenizers.FlashSloth(golden),
            ["ids_qwen2_internvl"] = PublishedTokenizers.InternVl(golden),
        };
        foreach (JsonElement item in Items(golden, "prompts").Concat(Items(golden, "internvl")))
        {
            ComparePrompt(failures, item, tokenizers);
        }

        foreach (JsonElement item in Items(golden, "image_splitting"))
        {
            CompareIds(failures, item, item.GetProperty("text").GetString()!, tokenizers);
        }

        failures.Check();
    }

    private static IEnumerable<JsonElement> Items(GoldenCase golden, string name)
        => golden.Meta.TryGetProperty(name, out JsonElement list) ? list.EnumerateArray() : [];

    private static PromptTemplate Template(JsonElement item)
    {
        // VILA's first release has another template of the same name.
        string name = item.GetProperty("template").GetString()!;
        PromptTemplate template = PromptTemplates.Get(name);
        return item.TryGetProperty("sep", out JsonElement separator)
            && separator.GetString() != template.Separator
            && PromptTemplates.All.TryGetValue(name + "_2024_05", out PromptTemplate? first)
            ? first
            : template;
    }

    private static void CompareTemplate(TextFailures failures, PromptTemplate template, JsonElement recorded)
    {
        failures.Equal($"{template.Name}: separator", recorded.GetProperty("sep").GetString(), template.Separator);
        Optional(failures, recorded, "sep2", template.Name, template.Separator2);
        Optional(failures, recorded, "system", template.Name, template.System);
        Optional(
            failures, recorded, "system_template", template.Name,
            template.SystemTemplate.Replace("{system_message}", template.SystemMessage.Length == 0 ? "" : "{system_message}", StringComparison.Ordinal));
        Optional(failures, recorded, "system_message", template.Name, template.SystemMessage);
        if (recorded.TryGetProperty("version", out JsonElement version) && version.GetString() != "Unknown")
        {
            failures.Equal($"{template.Name}: version", version.GetString(), template.Version);
        }

        if (recorded.TryGetProperty("roles", out JsonElement roles))
        {
            failures.Equal($"{template.Name}: user", roles[0].GetString(), template.UserRole);
            failures.Equal($"{template.Name}: assistant", roles[1].GetString(), template.AssistantRole);
        }

        if (recorded.TryGetProperty("messages", out JsonElement messages))
        {
            failures.Equal(
                $"{template.Name}: examples", string.Concat(messages.EnumerateArray().Select(message => message[1].GetString() + "\0")),
                string.Concat(template.Examples.Select(message => message + "\0")));
        }
    }

    private static void Optional(TextFailures failures, JsonElement recorded, string property, string name, string? actual)
    {
        if (recorded.TryGetProperty(property, out JsonElement value))
        {
            failures.Equal($"{name}: {property}", value.GetString(), actual);
        }
    }

    private static void ComparePrompt(TextFailures failures, JsonElement item, Dictionary<string, ITokenizer?> tokenizers)
    {
        PromptTemplate template = Template(item);
        if (item.TryGetProperty("sep", out _))
        {
            CompareTemplate(failures, template, item);
        }

        // InternVL's own field is the end of the text, not of the answer; the run scripts of the others take the separator.
        if (item.TryGetProperty("stop_str", out JsonElement stop) && !item.TryGetProperty("stop_token_ids", out _))
        {
            failures.Equal($"{template.Name}: stop", stop.GetString(), template.StopString);
        }

        List<PromptTurn> turns = item.GetProperty("turns").EnumerateArray().Select(turn => new PromptTurn(turn[0].GetString()!, turn[1].GetString())).ToList();
        string what = $"{template.Name}: {item.GetProperty("turns").GetRawText()}";
        if (item.TryGetProperty("error", out _))
        {
            failures.Equal($"{what}: refused", true, Refuses(template, turns));
            return;
        }

        string prompt = template.Render(turns);
        failures.Equal(what, item.GetProperty("prompt").GetString(), prompt);
        foreach (JsonProperty property in item.EnumerateObject())
        {
            if (Expanded().Match(property.Name) is { Success: true } match)
            {
                int count = int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) * int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture);
                int images = prompt.Split(ImagePrompts.Placeholder).Length - 1;
                prompt = ImagePrompts.ExpandInternVl(prompt, [.. Enumerable.Repeat(count, images)]);
                failures.Equal($"{what}: expanded", property.Value.GetString(), prompt);
            }
        }

        CompareIds(failures, item, prompt, tokenizers);
    }

    private static void CompareIds(TextFailures failures, JsonElement item, string prompt, Dictionary<string, ITokenizer?> tokenizers)
    {
        foreach (JsonProperty property in item.EnumerateObject().Where(property => property.Name.StartsWith("ids", StringComparison.Ordinal)))
        {
            ITokenizer? tokenizer = tokenizers.TryGetValue(property.Name, out ITokenizer? known)
                ? known
                : throw new NotSupportedException($"No vocabulary is known for '{property.Name}'.");
            if (tokenizer is not null)
            {
                int[] ids = property.Name == "ids_qwen2_internvl" ? tokenizer.Encode(prompt) : ImagePrompts.Encode(prompt, tokenizer);
                failures.SameIds($"{property.Name} of '{prompt}'", TextFailures.Ids(property.Value), ids);
            }
        }
    }

    private static bool Refuses(PromptTemplate template, IReadOnlyList<PromptTurn> turns)
    {
        try
        {
            template.Render(turns);
            return false;
        }
        catch (ApertureException)
        {
            return true;
        }
    }

    [GeneratedRegex(@"^expanded_(\d+)_tokens_per_tile_(\d+)_tiles$")]
    private static partial Regex Expanded();
}
