using Aperture.Hosting.Chat;
using Aperture.Hosting.Pictures;
using Aperture.Pipelines;
using Aperture.Tasks;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Aperture.Hosting;

/// <summary>Adds Aperture to a program's services.</summary>
public static class ApertureServices
{
    /// <summary>The name of the health check.</summary>
    public const string HealthCheck = "aperture";

    /// <summary>
    /// Adds the engine (<see cref="EngineSession"/>, one for the program), and for each key of <see cref="ApertureOptions.Pipelines"/> a keyed
    /// <see cref="Pipeline"/> and a keyed <see cref="IChatClient"/>. Options are checked when the program starts, a health check is added, and stopping lets
    /// questions finish. The engine is disposed with the services, asynchronously.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Changes what the configuration says; null for nothing.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddAperture(this IServiceCollection services, Action<ApertureOptions>? configure = null)
    {
        bool isFirst = services.All(service => service.ServiceType != typeof(AperturePipelines));
        if (isFirst)
        {
            services.AddOptions<ApertureOptions>().Configure<IServiceProvider>(Read).ValidateOnStart();
            services.AddSingleton<IValidateOptions<ApertureOptions>, ApertureOptionsCheck>();
            services.AddSingleton(Start);
            services.AddSingleton<AperturePipelines>();
            services.AddKeyedSingleton(KeyedService.AnyKey, (provider, key) => provider.GetRequiredService<AperturePipelines>().Get(KeyOf(key)));
            services.AddKeyedSingleton<IChatClient>(KeyedService.AnyKey, (provider, key) => new PipelineChatClient(
                provider.GetRequiredService<AperturePipelines>().Get(KeyOf(key)), provider.GetService<ILogger<PipelineChatClient>>()));
            services.AddHostedService<EngineService>();
            services.AddHealthChecks().AddCheck<EngineHealth>(HealthCheck);
        }

        return configure is null ? services : services.Configure(configure);
    }

    /// <summary>
    /// Adds a keyed <see cref="IImageGenerator"/> that edits pictures with a checkpoint of an image editor, opened when it is first asked for.
    /// </summary>
    /// <param name="services">The services; <see cref="AddAperture"/> adds the engine.</param>
    /// <param name="key">Its key.</param>
    /// <param name="checkpoint">The checkpoint: a file, a folder, or a hub id in the cache.</param>
    /// <param name="options">Options of its architecture, such as <c>new { Type = "float32" }</c>; null for all defaults.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddApertureImageEditor(this IServiceCollection services, string key, string checkpoint, object? options = null)
        => services.AddKeyedSingleton<IImageGenerator>(key, (provider, _) => new EditorImageGenerator(
            provider.GetRequiredService<EngineSession>().LoadTask<IImageEditor>(checkpoint, null, options)));

    /// <summary>Adds a keyed <see cref="IImageGenerator"/> that makes faces with a checkpoint of a face generator, opened when it is first asked for.</summary>
    /// <inheritdoc cref="AddApertureImageEditor"/>
    public static IServiceCollection AddApertureFaceGenerator(this IServiceCollection services, string key, string checkpoint, object? options = null)
        => services.AddKeyedSingleton<IImageGenerator>(key, (provider, _) => new FaceImageGenerator(
            provider.GetRequiredService<EngineSession>().LoadTask<IFaceGenerator>(checkpoint, null, options)));

    private static void Read(ApertureOptions options, IServiceProvider provider)
    {
        if (provider.GetService<IConfiguration>() is { } configuration)
        {
            ConfiguredPipelines.Read(configuration.GetSection(ApertureOptions.Section), options);
        }
    }

    private static EngineSession Start(IServiceProvider provider)
    {
        ILoggerFactory loggers = provider.GetRequiredService<ILoggerFactory>();
        ILogger log = loggers.CreateLogger<EngineSession>();
        ApertureOptions options = provider.GetRequiredService<IOptions<ApertureOptions>>().Value;
        return EngineSession.Start(new EngineOptions
        {
            Models = options.Models,
            KeepPrefixes = options.KeepPrefixes,
            PrefixMemory = options.PrefixMemory,
            Loggers = loggers,
            OnNotice = line => EngineLog.Notice(log, line),
        });
    }

    private static string KeyOf(object? key)
        => key as string ?? throw new ApertureException($"The key of a pipeline is text, not {key ?? "nothing"}; use one of Aperture:Pipelines.");
}
